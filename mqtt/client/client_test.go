package client_test

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"tillpost/internal/certtest"
	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
)

// running is a client that runs until the test ends.
type running struct {
	client     *client.Client
	ups        chan struct{}
	downs      chan error
	deliveries chan mqtt.Delivery
}

func run(t *testing.T, o client.Options) *running {
	t.Helper()
	r := &running{ups: make(chan struct{}, 1000), downs: make(chan error, 1000), deliveries: make(chan mqtt.Delivery, 1000)}
	if o.ClientID == "" {
		o.ClientID = "agent"
	}
	if o.Topics.Prefix == "" {
		o.Topics.Prefix = "test"
	}
	o.BackoffMin, o.BackoffMax = 20*time.Millisecond, 100*time.Millisecond
	client, err := client.New(o, mqtt.Handlers{
		Deliver: func(d mqtt.Delivery) { r.deliveries <- d },
		Up:      func() { r.ups <- struct{}{} },
		Down:    func(err error) { r.downs <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.client = client
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := mqtttest.Receive(t, ended); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	return r
}

func TestClientNoticesAHalfOpenConnection(t *testing.T) {
	t.Parallel()
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	proxy := mqtttest.NewProxy(t, broker.Addr)
	r := run(t, client.Options{URL: "tcp://" + proxy.Addr(), KeepAlive: time.Second, WriteTimeout: 500 * time.Millisecond, ConnectTimeout: time.Second})
	mqtttest.Receive(t, r.ups)
	proxy.Hold(true)
	// More than the kernel's buffers hold, so that writing blocks.
	token := r.client.Publish(mqtt.Message{Topic: "x", Payload: make([]byte, 20<<20)})
	behind := r.client.Publish(mqtt.Message{Topic: "x"})
	if err := mqtttest.Receive(t, r.downs); err == nil {
		t.Error("no reason for Down")
	}
	for _, lost := range []mqtt.Token{token, behind} {
		if err := lost.Wait(t.Context()); !errors.Is(err, mqtt.ErrConnectionLost) {
			t.Errorf("a message on a dead connection: %v", err)
		}
	}
	proxy.Hold(false)
	mqtttest.Receive(t, r.ups)
}

// TestClientNoticesASilentPeer has nothing to write but the probe.
func TestClientNoticesASilentPeer(t *testing.T) {
	t.Parallel()
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	proxy := mqtttest.NewProxy(t, broker.Addr)
	r := run(t, client.Options{URL: "tcp://" + proxy.Addr(), KeepAlive: time.Second, WriteTimeout: 500 * time.Millisecond, ConnectTimeout: time.Second})
	mqtttest.Receive(t, r.ups)
	proxy.Hold(true)
	if err := mqtttest.Receive(t, r.downs); err == nil {
		t.Error("no reason for Down")
	}
	// A peer that takes the connection and says nothing is not waited for
	// either.
	if err := mqtttest.Receive(t, r.downs); err == nil || r.client.Connected() {
		t.Errorf("connected to a silent peer: %v", err)
	}
}

func TestClientEndsWhileConnecting(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	silent := make(chan net.Conn, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			silent <- conn
		}
	}()
	client, err := client.New(client.Options{URL: "tcp://" + listener.Addr().String(), ClientID: "agent", Topics: mqtt.Topics{Prefix: "test"}, ConnectTimeout: time.Hour},
		mqtt.Handlers{Deliver: func(mqtt.Delivery) {}, Up: func() { t.Error("up") }, Down: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- client.Run(ctx) }()
	conn := mqtttest.Receive(t, silent)
	defer func() { _ = conn.Close() }()
	if _, err := packets.ReadPacket(conn); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := mqtttest.Receive(t, ended); err != nil {
		t.Error(err)
	}
}

func TestClientTellsWhyItIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	users := filepath.Join(dir, "users")
	makeUsers(t, users, "agent", "secret")
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: "allow_anonymous false\npassword_file " + users})

	wrong := run(t, client.Options{URL: broker.URL, Username: "agent", Password: func() (string, error) { return "wrong", nil }})
	if err := mqtttest.Receive(t, wrong.downs); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("wrong password: %v", err)
	}
	unread := run(t, client.Options{URL: broker.URL, Username: "agent", Password: func() (string, error) { return "", os.ErrPermission }})
	if err := mqtttest.Receive(t, unread.downs); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a password that can't be read: %v", err)
	}
	right := run(t, client.Options{URL: broker.URL, Username: "agent", Password: func() (string, error) { return "secret", nil }})
	mqtttest.Receive(t, right.ups)
}

// TestClientChecksTheSubscription talks to a peer that takes the connection
// and then answers the subscription in its own way.
func TestClientChecksTheSubscription(t *testing.T) {
	t.Parallel()
	for name, grant := range map[string][]byte{"refused": {0x80}, "without acknowledgements": {0}, "answered to nothing": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := run(t, client.Options{URL: "tcp://" + grantingPeer(t, grant)})
			if err := mqtttest.Receive(t, r.downs); err == nil || !strings.Contains(err.Error(), "subscription") {
				t.Errorf("Down says %v", err)
			}
			if len(r.ups) != 0 || r.client.Connected() {
				t.Error("up without a subscription")
			}
		})
	}
}

func grantingPeer(t *testing.T, grant []byte) (addr string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { grantAll(conn, grant) })
		}
	})
	return listener.Addr().String()
}

func grantAll(conn net.Conn, grant []byte) {
	defer func() { _ = conn.Close() }()
	for {
		packet, err := packets.ReadPacket(conn)
		if err != nil {
			return
		}
		var answer packets.ControlPacket
		switch p := packet.(type) {
		case *packets.ConnectPacket:
			answer = packets.NewControlPacket(packets.Connack)
		case *packets.SubscribePacket:
			suback := packets.NewControlPacket(packets.Suback).(*packets.SubackPacket)
			suback.MessageID, suback.ReturnCodes = p.MessageID, grant
			answer = suback
		default:
			return
		}
		if answer.Write(conn) != nil {
			return
		}
	}
}

func makeUsers(t *testing.T, path, user, password string) {
	t.Helper()
	tool, err := exec.LookPath("mosquitto_passwd")
	if err != nil {
		proctest.Lacks(t, "mosquitto_passwd is not installed: apt install mosquitto")
	}
	if out, err := exec.CommandContext(t.Context(), tool, "-b", "-c", path, user, password).CombinedOutput(); err != nil {
		t.Fatalf("mosquitto_passwd: %v %s", err, out)
	}
}

// TestTwoClientsWithOneID throw each other out, and neither takes the other's
// deliveries for its own.
func TestTwoClientsWithOneID(t *testing.T) {
	t.Parallel()
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	a := run(t, client.Options{URL: broker.URL})
	mqtttest.Receive(t, a.ups)
	run(t, client.Options{URL: broker.URL})
	if err := mqtttest.Receive(t, a.downs); err == nil {
		t.Error("no reason for Down")
	}
}

func TestClientOverTLSWithACertificate(t *testing.T) {
	t.Parallel()
	cert := certtest.New(t, certtest.Options{})
	broker := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: "allow_anonymous true\ncafile " + cert.CertFile + "\ncertfile " + cert.CertFile + "\nkeyfile " + cert.KeyFile + "\nrequire_certificate true"})
	url := "tls://" + broker.Addr
	good := run(t, client.Options{URL: url, CAFile: cert.CertFile, CertFile: cert.CertFile, KeyFile: cert.KeyFile})
	mqtttest.Receive(t, good.ups)
	if err := good.client.Publish(mqtt.Message{Topic: "x", Payload: []byte("x")}).Wait(t.Context()); err != nil {
		t.Error(err)
	}
	stranger := run(t, client.Options{ClientID: "stranger", URL: url, CertFile: cert.CertFile, KeyFile: cert.KeyFile})
	if err := mqtttest.Receive(t, stranger.downs); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a broker that nobody vouches for: %v", err)
	}
	bare := run(t, client.Options{ClientID: "bare", URL: url, CAFile: cert.CertFile})
	if err := mqtttest.Receive(t, bare.downs); err == nil {
		t.Error("without a certificate")
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := client.Options{URL: "tcp://broker", ClientID: "agent", Topics: mqtt.Topics{Prefix: "tillpost"}}
	handlers := mqtt.Handlers{Deliver: func(mqtt.Delivery) {}, Up: func() {}, Down: func(error) {}}
	if _, err := client.New(good, handlers); err != nil {
		t.Fatal(err)
	}
	if _, err := client.New(good, mqtt.Handlers{}); err == nil {
		t.Error("no handlers")
	}
	for name, change := range map[string]func(*client.Options){
		"no URL":          func(o *client.Options) { o.URL = "" },
		"no scheme":       func(o *client.Options) { o.URL = "broker:1883" },
		"other scheme":    func(o *client.Options) { o.URL = "http://broker" },
		"no host":         func(o *client.Options) { o.URL = "tcp://:1883" },
		"a path":          func(o *client.Options) { o.URL = "tcp://broker/mqtt" },
		"a password":      func(o *client.Options) { o.URL = "tcp://agent:hunter2@broker" },
		"broken password": func(o *client.Options) { o.URL = "tcp://agent:hunter2%zz@broker" },
		"no id":           func(o *client.Options) { o.ClientID = "" },
		"no prefix":       func(o *client.Options) { o.Topics.Prefix = "" },
		"half a pair":     func(o *client.Options) { o.CertFile = "cert.pem" },
		"no CA there":     func(o *client.Options) { o.URL = "tls://broker"; o.CAFile = "/does/not/exist" },
	} {
		o := good
		change(&o)
		if _, err := client.New(o, handlers); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
