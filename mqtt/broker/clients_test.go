package broker_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"tillpost/internal/certtest"
	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/broker"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
)

// TestBrokerTLS: our own client knows the broker by its certificate file, and
// another certificate is in force as soon as it is on disk.
func TestBrokerTLS(t *testing.T) {
	t.Parallel()
	first, second := certtest.New(t, certtest.Options{}), certtest.New(t, certtest.Options{})
	b := startBroker(t, func(o *broker.Options) { o.CertFile, o.KeyFile = first.CertFile, first.KeyFile })
	url := "tls://" + b.Addr()
	good, err := ourClient(t, client.Options{URL: url, ClientID: "agent", PeerCertFile: first.CertFile})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ourClient(t, client.Options{URL: url, ClientID: "wrong", PeerCertFile: second.CertFile}); err == nil || !strings.Contains(err.Error(), "another certificate") {
		t.Errorf("a broker with another certificate: %v", err)
	}
	if _, err := ourClient(t, client.Options{URL: "tcp://" + b.Addr(), ClientID: "plain"}); err == nil {
		t.Error("connected without TLS")
	}
	serial := func() string {
		conn, err := tls.Dial("tcp", b.Addr(), &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return string(conn.ConnectionState().PeerCertificates[0].Raw)
	}
	before := serial()
	for from, to := range map[string]string{second.CertFile: first.CertFile, second.KeyFile: first.KeyFile} {
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for serial() == before {
		continue
	}
	if !good.Connected() {
		t.Error("a new certificate ended a connection that stood")
	}
}

// ourClient runs a client of ours until the test ends. The error says why it
// could not connect.
func ourClient(t *testing.T, o client.Options) (*client.Client, error) {
	t.Helper()
	o.Topics.Prefix = "test"
	happened := make(chan error, 1000)
	ours, err := client.New(o, mqtt.Handlers{Deliver: func(mqtt.Delivery) {}, Up: func() { happened <- nil }, Down: func(err error) { happened <- err }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ours.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := mqtttest.Receive(t, ended); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return ours, mqtttest.Receive(t, happened)
}

// TestBrokerWithMosquittosClients: what a technician tries first works, with
// both protocols.
func TestBrokerWithMosquittosClients(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		if mqtttest.WithoutMosquitto() {
			t.Skip("mosquitto-clients is not installed")
		}
		if _, err := exec.LookPath(name); err != nil {
			t.Fatal("mosquitto-clients is not installed; make test installs it, or does without it")
		}
	}
	b := startBroker(t, nil)
	host, port, _ := strings.Cut(b.Addr(), ":")
	command := func(name, version string, args ...string) *exec.Cmd {
		ctx, cancel := context.WithTimeout(t.Context(), proctest.Patience)
		t.Cleanup(cancel)
		return exec.CommandContext(ctx, name, append([]string{"-h", host, "-p", port, "-V", version}, args...)...)
	}
	// A burst is more than MQTT 5's receive maximum of these clients, 20.
	const burst = 300
	for _, version := range []string{"311", "5"} {
		b.publish("test/terminals/T1/status/r", "kept")
		sub := command("mosquitto_sub", version, "-q", "1", "-C", fmt.Sprint(burst+1), "-F", "%q %r %p", "-t", "test/terminals/T1/status/+")
		out, err := sub.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := sub.Start(); err != nil {
			t.Fatal(err)
		}
		var got []byte
		line := make([]byte, 1)
		for n := 0; n < 1; { // until it has what is kept, it is not subscribed
			if _, err := out.Read(line); err != nil {
				t.Fatal(err)
			}
			if got = append(got, line[0]); line[0] == '\n' {
				n++
			}
		}
		var want strings.Builder
		want.WriteString("kept\n")
		for n := range burst {
			b.publish("test/terminals/T1/status/r", fmt.Sprint(n))
			fmt.Fprintln(&want, n)
		}
		rest := make([]byte, 0, 1<<16)
		for {
			n, err := out.Read(rest[len(rest):cap(rest)])
			if rest = rest[:len(rest)+n]; err != nil {
				break
			}
		}
		if err := sub.Wait(); err != nil {
			t.Errorf("version %s: mosquitto_sub: %v", version, err)
		}
		all := string(got) + string(rest)
		if !strings.HasPrefix(all, "1 1 kept\n1 0 0\n") {
			t.Errorf("version %s: it begins with %.40q", version, all)
		}
		var payloads strings.Builder
		for l := range strings.Lines(all) {
			payloads.WriteString(l[strings.LastIndexByte(l, ' ')+1:])
		}
		if payloads.String() != want.String() {
			t.Errorf("version %s: the messages are not all there, or out of order:\n%s", version, payloads.String())
		}
		for _, qos := range []string{"0", "1", "2"} {
			pub := command("mosquitto_pub", version, "-q", qos, "-t", "test/terminals/T1/orders", "-m", "order")
			if err := pub.Start(); err != nil {
				t.Fatal(err)
			}
			mqtttest.Receive(t, b.deliveries).Ack()
			if err := pub.Wait(); err != nil {
				t.Errorf("version %s, QoS %s: mosquitto_pub: %v", version, qos, err)
			}
		}
	}
}
