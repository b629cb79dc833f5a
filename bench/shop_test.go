package bench

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/agent/config"
	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

const (
	brokerEmbedded = "embedded"
	// brokerMosquitto has the settings of packaging/mosquitto: it saves itself after every change.
	brokerMosquitto = "mosquitto"
	// brokerVolatile is a mosquitto that keeps nothing on disk.
	brokerVolatile = "mosquitto-volatile"
)

// brokers are the ways for tills to reach the agent.
var brokers = []string{brokerEmbedded, brokerMosquitto, brokerVolatile}

// shop is an agent with its broker, and says where tills connect.
type shop struct {
	broker string // one of brokers
	api    string // host:port; "" is one that is not there
	ca     string // file of the certificates that vouch for the API; "" is one without TLS
	addr   string // where tills connect
	web    string // where they do over WebSockets, with the embedded broker
	dir    string // "" is one of its own; else an outbox may be there
	policy string // lines of [policy]
	pages  string // host:port of the HTTP side; "" is any
	tables string
	// retention is how long statuses stay at the broker; "" is as it comes.
	retention string
	// away is between the agent and its mosquitto, where it is wanted; tills go past it.
	away  bool
	proxy *mqtttest.Proxy
}

// config writes the configuration, having started the broker or chosen its address.
func (s *shop) config(tb testing.TB) string {
	tb.Helper()
	if s.dir == "" {
		s.dir = tb.TempDir()
	}
	if s.api == "" {
		s.api = "127.0.0.1:1" // nobody listens there
	}
	scheme, ca := "http", ""
	if s.ca != "" {
		scheme, ca = "https", fmt.Sprintf("ca_file = %q\n", s.ca)
	}
	broker := "[mqtt]\n"
	if s.retention != "" {
		broker += fmt.Sprintf("status_retention = %q\n", s.retention)
	}
	if s.broker != brokerEmbedded {
		options := mqtttest.Packaged()
		options.Persistence = s.broker == brokerMosquitto
		m := mqtttest.StartMosquitto(tb, options)
		s.addr = m.Addr
		url := m.URL
		if s.away {
			s.proxy = mqtttest.NewProxy(tb, m.Addr)
			url = "tcp://" + s.proxy.Addr()
		}
		broker += fmt.Sprintf("url = %q\n", url)
	} else {
		s.addr, s.web = proctest.FreeAddr(tb), proctest.FreeAddr(tb)
		broker += fmt.Sprintf("[mqtt.embedded]\nlisten = %q\nwebsocket_listen = %q\n", s.addr, s.web)
	}
	return fmt.Sprintf(`
[store]
name = "Bench"
[api]
base_url = "%s://%s%s"
organization_uuid = "ORG1"
requests_per_minute = 1000000
%s%s
[outbox]
path = %q
[http]
listen = %q
[policy]
%s
%s
`, scheme, s.api, basePath, ca, broker, filepath.Join(s.dir, "outbox.db"), cmp.Or(s.pages, "127.0.0.1:0"), s.policy, s.tables)
}

// nowhere takes a log that is formatted all the same.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

// run starts the agent in this process, as the command does but for its log, which is formatted and thrown away.
func (s *shop) run(tb testing.TB) *agent.Agent {
	tb.Helper()
	tb.Setenv("TILLPOST_API_TOKEN", "bench-token")
	cfg, err := config.Parse("bench.toml", []byte(s.config(tb)))
	if err != nil {
		tb.Fatal(err)
	}
	a, err := agent.New(agent.Options{Config: cfg, Version: "bench", Logger: slog.New(slog.NewTextHandler(nowhere{}, nil))})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	s.awaitOnline(tb)
	return a
}

// awaitOnline waits until the agent's retained state is online.
func (s *shop) awaitOnline(tb testing.TB) {
	tb.Helper()
	online := make(chan struct{}, 1)
	var watcher *till
	until(tb, "the broker", func() bool {
		conn, err := (&net.Dialer{}).DialContext(tb.Context(), "tcp", s.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	watcher = connect(tb, s.addr, "bench-watcher")
	if err := watcher.subscribe("tillpost/agent"); err != nil {
		tb.Fatal(err)
	}
	go watcher.messages(func(string, []byte) {
		select {
		case online <- struct{}{}:
		default:
		}
	})
	select {
	case <-online:
	case <-time.After(time.Minute):
		tb.Fatal("the agent does not say that it is there")
	}
	_ = watcher.conn.Close()
}

func until(tb testing.TB, what string, is func() bool) {
	tb.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("waited a minute for %s", what)
		}
	}
}

func orderTopic(terminal string) string { return "tillpost/terminals/" + terminal + "/orders" }

// request returns what a till publishes.
func request(id string) []byte {
	return fmt.Appendf(nil, `{"requestId":%q,"order":%s}`, id, order(id))
}

// quantile returns a quantile of what was measured, in milliseconds.
func quantile(took []time.Duration, q float64) float64 {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	at := min(int(float64(len(took))*q), len(took)-1)
	return float64(took[at]) / float64(time.Millisecond)
}
