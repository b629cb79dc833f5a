package packaging_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/agent/config"
	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
	"tillpost/packaging"
)

// users makes mosquitto's password file, each user's password being the name, and gives the lines for its listener.
func users(t *testing.T, acl string, names ...string) string {
	t.Helper()
	tool, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		proctest.Lacks(t, "mosquitto_passwd is not installed: apt install mosquitto")
	}
	// Not the test's own folder, which is root's alone: mosquitto gives root's rights up before it reads them.
	file := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if text, err := exec.CommandContext(t.Context(), tool, "-b", file, name, name).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
	}
	list := filepath.Join(t.TempDir(), "acl")
	if err := os.WriteFile(list, []byte(acl), 0o600); err != nil {
		t.Fatal(err)
	}
	return "allow_anonymous false\npassword_file " + file + "\nacl_file " + list
}

func read(t *testing.T, name string) string {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func connect(t *testing.T, broker *mqtttest.Mosquitto, name string) *mqtttest.Till {
	t.Helper()
	return mqtttest.Connect(t, "tcp://"+name+":"+name+"@"+broker.Addr)
}

// attempt publishes something that the broker may deny, with a connection of its own: depending on its version mosquitto
// acknowledges what it denies, or ends the connection.
func attempt(t *testing.T, broker *mqtttest.Mosquitto, name, topic string) {
	t.Helper()
	o := paho.NewClientOptions().AddBroker("tcp://" + name + ":" + name + "@" + broker.Addr).SetClientID("attempt").SetAutoReconnect(false).SetProtocolVersion(4)
	c := paho.NewClient(o)
	if in := c.Connect(); !in.WaitTimeout(proctest.Patience) || in.Error() != nil {
		t.Fatalf("%s is not let in: %v", name, in.Error())
	}
	if !c.Publish(topic, 1, false, []byte(`{}`)).WaitTimeout(proctest.Patience) {
		t.Fatalf("nothing becomes of what %s publishes on %s", name, topic)
	}
	c.Disconnect(0)
}

// until collects topics until that one comes.
func until(t *testing.T, messages <-chan mqtt.Message, last string) (topics []string) {
	t.Helper()
	for {
		select {
		case m := <-messages:
			topics = append(topics, m.Topic)
			if m.Topic == last {
				return topics
			}
		case <-t.Context().Done():
			t.Fatalf("%s never came; there were %q", last, topics)
		case <-time.After(proctest.Patience):
			t.Fatalf("%s did not come; there were %q", last, topics)
		}
	}
}

// TestTheExampleACL: a till without the right can't refund, a display only reads.
func TestTheExampleACL(t *testing.T) {
	t.Parallel()
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{
		Listener: users(t, read(t, "mosquitto/tillpost.acl"), "tillpost-agent", "till-1", "service-desk", "display-1"),
	})
	const own, other = "tillpost/terminals/TRML1216693970/", "tillpost/terminals/TRML9/"
	requests := connect(t, broker, "tillpost-agent").Watch("tillpost/terminals/+/+")
	shown := connect(t, broker, "display-1").Watch("tillpost/#")
	publish := func(name string, topics ...string) {
		t.Helper()
		for _, topic := range topics {
			attempt(t, broker, name, topic)
		}
	}
	publish("display-1", own+"orders", own+"refunds", own+"display", "tillpost/agent")
	publish("till-1", own+"refunds", own+"approvals", own+"resolutions", other+"orders", own+"display", own+"orders")
	publish("service-desk", own+"orders", own+"refunds")
	if got, want := until(t, requests, own+"refunds"), []string{own + "orders", own + "refunds"}; !slices.Equal(got, want) {
		t.Errorf("the agent hears %q, want %q", got, want)
	}
	publish("tillpost-agent", own+"status/1", other+"display", own+"display", "tillpost/agent")
	if got, want := until(t, shown, "tillpost/agent"), []string{own + "display", "tillpost/agent"}; !slices.Equal(got, want) {
		t.Errorf("the display hears %q, want %q", got, want)
	}
}

// TestTheCentresACL: a shop's bridge writes below its own name only, and money moves for nobody there.
func TestTheCentresACL(t *testing.T) {
	t.Parallel()
	acl := read(t, "bridge/central.acl")
	_, bridge, _ := strings.Cut(acl, "user bridge-oslo-s\n")
	bridge, _, _ = strings.Cut(bridge, "\nuser ")
	acl += "\nuser bridge-bergen\n" + strings.ReplaceAll(bridge, "oslo-s", "bergen")
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: users(t, acl, "bridge-oslo-s", "bridge-bergen", "monitoring", "service-desk")})
	seen, down := connect(t, broker, "monitoring").Watch("shops/#"), connect(t, broker, "bridge-oslo-s").Watch("shops/#")
	for _, one := range []struct{ who, topic string }{
		{"bridge-bergen", "shops/oslo-s/tillpost/agent"}, {"monitoring", "shops/oslo-s/tillpost/terminals/T/checks"},
		{"service-desk", "shops/oslo-s/tillpost/terminals/T/refunds"}, {"service-desk", "shops/oslo-s/tillpost/terminals/T/orders"}, // all denied
		{"bridge-oslo-s", "shops/oslo-s/tillpost/agent"}, {"service-desk", "shops/oslo-s/tillpost/terminals/T/checks"},
	} {
		attempt(t, broker, one.who, one.topic)
	}
	const last = "shops/oslo-s/tillpost/terminals/T/checks"
	if got, want := until(t, seen, last), []string{"shops/oslo-s/tillpost/agent", last}; !slices.Equal(got, want) {
		t.Errorf("at the centre there is %q, want %q", got, want)
	}
	if got, want := until(t, down, last), []string{last}; !slices.Equal(got, want) {
		t.Errorf("down to the shop comes %q, want %q", got, want)
	}
}

// TestTheStubIsNotEnough: what is installed says that it is not set up, and where the token belongs.
func TestTheStubIsNotEnough(t *testing.T) {
	t.Parallel()
	_, err := config.Parse("/etc/tillpost/tillpost.toml", packaging.Stub)
	if err == nil || !strings.Contains(err.Error(), "api.base_url") {
		t.Errorf("the stub is taken: %v", err)
	}
	if !strings.Contains(string(packaging.Stub), `token_file = "/etc/tillpost/api-token"`) {
		t.Error("the stub does not name the token's file")
	}
}

// TestTheVersion: what a package is called, with and without a release, and with changes since.
func TestTheVersion(t *testing.T) {
	t.Parallel()
	for changelog, want := range map[string]string{
		"# Changelog\n\n## [Unreleased]\n\n## [1.2.3] - 2026-12-01\n\n## [1.2.2] - 2026-11-01\n":               "1.2.3",
		"# Changelog\n\n## [Unreleased]\n\n### Added\n\n- A thing.\n\n## [1.2.3] - 2026-12-01\n\n- Another.\n": "1.2.3+git0.unknown",
		"# Changelog\n\n## [Unreleased]\n\n- A thing.\n":                                                       "0.0.0+git0.unknown",
	} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "packaging"), 0o750); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"CHANGELOG.md": changelog, "packaging/version": read(t, "version")} {
			if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		c := exec.CommandContext(t.Context(), "sh", filepath.Join(root, "packaging", "version"))
		c.Env = []string{"PATH=" + os.Getenv("PATH"), "GIT_CEILING_DIRECTORIES=" + filepath.Dir(root)}
		got, err := c.CombinedOutput()
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%q, %v, want %q", got, err, want)
		}
	}
}
