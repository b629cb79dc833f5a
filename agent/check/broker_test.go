package check

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

// brokerChecker makes a checker of a broker.
func brokerChecker(t *testing.T, url string, lines ...string) *checker {
	t.Helper()
	return newChecker(t, append([]string{fmt.Sprintf("[mqtt]\nurl = %q", url)}, lines...)...)
}

func TestBroker(t *testing.T) {
	t.Parallel()
	b := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	till := mqtttest.Connect(t, b.URL)
	state := `{"state":"online","version":"v1","instance":"abc","generation":3,"problems":[]}`
	till.Publish(mqtt.Message{Topic: "tillpost/agent", Payload: []byte(state), Retained: true})
	// Somebody else's display is no answer to ours.
	till.Publish(mqtt.Message{Topic: "tillpost/terminals/T1/display", Payload: []byte("{}"), Retained: true})
	heard := till.Watch("tillpost/#")
	got := brokerChecker(t, b.URL).broker(t.Context())
	want(t, got.findings, "ok broker "+b.Addr+", a message to ourselves took…mosquitto version", "warn broker whether it keeps")
	if got.agent == nil || got.agent.Instance != "abc" {
		t.Errorf("the agent's state is %+v", got.agent)
	}

	// Of all that, others see messages that say nothing at terminals that nobody has, and nothing of it stays.
	till.Publish(mqtt.Message{Topic: "tillpost/end"})
	for m := range heard {
		if m.Topic == "tillpost/end" {
			break
		}
		if m.Retained { // from before
			continue
		}
		if p := string(m.Payload); p != "" && p != "{}" || !strings.HasPrefix(m.Topic, "tillpost/terminals/tillpost-check-") {
			t.Errorf("others heard %q on %s", m.Payload, m.Topic)
		}
	}
	after := mqtttest.Connect(t, b.URL)
	kept := after.Watch("tillpost/#")
	after.Publish(mqtt.Message{Topic: "tillpost/end"})
	for m := range kept {
		if m.Topic == "tillpost/end" {
			break
		}
		if strings.Contains(m.Topic, "check") {
			t.Errorf("%s stays at the broker", m.Topic)
		}
	}
}

func TestBrokerThatDeniesRights(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		acl  string
		want []string
	}{
		"the agent's":   {"topic read tillpost/terminals/+/+\ntopic write tillpost/terminals/+/status/+\ntopic write tillpost/terminals/+/display\ntopic readwrite tillpost/agent\n", []string{"ok broker", "warn broker whether it keeps"}},
		"nothing":       {"topic read other\n", []string{"FAIL broker…denies us…packaging/mosquitto/tillpost.acl"}},
		"only reading":  {"topic read tillpost/#\n", []string{"FAIL broker…denies us…allow clients without a login to read tillpost/terminals/+/+ and to write tillpost/terminals/+/display"}},
		"only writing":  {"topic write tillpost/#\n", []string{"FAIL broker…don't come back…denies us to write, or to read"}},
		"no statuses":   {"topic read tillpost/terminals/+/+\ntopic write tillpost/terminals/+/display\ntopic readwrite tillpost/agent\n", []string{"ok broker", "FAIL broker…denies us to publish statuses…tillpost/terminals/+/status/+", "warn broker whether"}},
		"another's one": {"topic readwrite other/#\n", []string{"FAIL broker…denies us"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			acl := writeFile(t, "acl", tc.acl, 0o600)
			b := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Config: "acl_file " + acl})
			c := brokerChecker(t, b.URL)
			if name == "only writing" {
				c.machine.returnTimeout = 300 * time.Millisecond // nothing comes
			}
			want(t, c.broker(t.Context()).findings, tc.want...)
		})
	}
}

// TestBrokerWithBounds checks the limits that a broker announces in MQTT 5.
func TestBrokerWithBounds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		config string
		want   []string
	}{
		"small messages": {"max_packet_size 20000", []string{"ok broker", "warn broker it takes no messages over 19 KB", "warn broker whether"}},
		"large messages": {"max_packet_size 200000", []string{"ok broker", "warn broker whether"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Config: tc.config})
			want(t, brokerChecker(t, b.URL).broker(t.Context()).findings, tc.want...)
		})
	}
	for name, tc := range map[string]struct {
		connack string
		want    string
	}{
		"keeps nothing":        {"\x20\x05\x00\x00\x02\x25\x00", "FAIL broker it keeps no retained"},
		"acknowledges nothing": {"\x20\x05\x00\x00\x02\x24\x00", "FAIL broker it acknowledges no messages"},
		"only speaks 3.1.1":    {"\x20\x02\x00\x01", ""},
		"nonsense":             {"\xff\xff\xff\xff\xff\xff", ""},
		"endless":              {"\x20\xff\xff\xff\x7f", ""},
		"cut":                  {"\x20", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := serve(t, func(conn net.Conn) {
				_, _ = conn.Read(make([]byte, 1000))
				_, _ = conn.Write([]byte(tc.connack))
			})
			c := brokerChecker(t, "tcp://127.0.0.1:"+port)
			u, err := url.Parse(c.cfg.MQTT.URL)
			if err != nil {
				t.Fatal(err)
			}
			fs := about("broker")
			c.rights(t.Context(), fs, u)
			if tc.want == "" {
				want(t, fs.done())
			} else {
				want(t, fs.done(), tc.want)
			}
		})
	}
}

func TestBrokerThatLetsNobodyIn(t *testing.T) {
	t.Parallel()
	b := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: "allow_anonymous false"})
	want(t, brokerChecker(t, b.URL).broker(t.Context()).findings, "FAIL broker "+b.Addr+" does not let us in…mqtt.username")
}

func TestBrokerThatIsNone(t *testing.T) {
	t.Parallel()
	web := serve(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
	want(t, brokerChecker(t, "tcp://127.0.0.1:"+web).broker(t.Context()).findings, "FAIL broker 127.0.0.1:"+web)
	gone := closedPort(t)
	want(t, brokerChecker(t, "tcp://127.0.0.1:"+gone).broker(t.Context()).findings, "FAIL broker 127.0.0.1:"+gone+" refuses connections…is it running")
}

func TestBrokerOverTLS(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, time.Now().Add(5*24*time.Hour))
	b := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: fmt.Sprintf("allow_anonymous true\ncertfile %s\nkeyfile %s", cert, key)})
	url := "tls://" + b.Addr
	want(t, brokerChecker(t, url, fmt.Sprintf("ca_file = %q", cert)).broker(t.Context()).findings,
		"ok broker", "warn broker "+b.Addr+": the certificate ends on…in 4 days…renew", "warn broker whether it keeps")
	want(t, brokerChecker(t, url).broker(t.Context()).findings, "FAIL broker TLS…unknown authority…ca_file")
	want(t, brokerChecker(t, url, "ca_file = \"none\"").broker(t.Context()).findings, "FAIL broker not asked: mqtt.ca_file…see secrets")
	want(t, brokerChecker(t, url, fmt.Sprintf("ca_file = %q\ncert_file = \"none\"\nkey_file = \"none\"", cert)).broker(t.Context()).findings,
		"FAIL broker not asked: mqtt.cert_file…see secrets")
}

func TestEmbeddedBroker(t *testing.T) {
	t.Parallel()
	b := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{}) // in its place
	mqtttest.Connect(t, b.URL).Publish(mqtt.Message{Topic: "tillpost/agent", Retained: true,
		Payload: []byte(`{"state":"degraded","instance":"abc","problems":[{"code":"outboxRolledBack"}]}`)})
	said := newChecker(t, fmt.Sprintf("[mqtt.embedded]\nlisten = %q", b.Addr)).broker(t.Context()).agent
	if said == nil || len(said.Problems) != 1 || said.Problems[0].Code != "outboxRolledBack" {
		t.Errorf("the agent says %+v", said)
	}
	want(t, newChecker(t).broker(t.Context()).findings, "ok broker inside tillpost, at 127.0.0.1:1883; whoever reaches it")
	want(t, newChecker(t, "[mqtt.embedded]\nlisten = \":1883\"\nusers_file = \"/users\"").broker(t.Context()).findings,
		"ok broker…for the users in /users", "warn broker it is not encrypted…cert_file")
	want(t, newChecker(t, "[mqtt.embedded]\nwebsocket_listen = \"127.0.0.1:9001\"").broker(t.Context()).findings,
		"ok broker…over WebSockets at 127.0.0.1:9001, path /mqtt; no page in a browser may connect there")
	want(t, newChecker(t, "[mqtt.embedded]\nwebsocket_listen = \":9001\"\nusers_file = \"/users\"\nwebsocket_origins = [\"http://a\", \"https://b\"]").broker(t.Context()).findings,
		"ok broker…for pages of http://a, https://b", "warn broker a page of https://b may not connect to ws://…wss://", "warn broker it is not encrypted…cert_file")
}
