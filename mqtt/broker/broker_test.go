package broker_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/broker"
	"tillpost/mqtt/mqtttest"
)

// embedded is a broker that runs until the test ends.
type embedded struct {
	*broker.Broker
	t          *testing.T
	deliveries chan mqtt.Delivery
	log        *lockedLog
	stop       context.CancelFunc
	ended      chan error
}

func startBroker(t *testing.T, change func(*broker.Options)) *embedded {
	t.Helper()
	e := &embedded{t: t, deliveries: make(chan mqtt.Delivery, 1000), log: &lockedLog{}, ended: make(chan error, 1)}
	options := broker.Options{
		Listen: "127.0.0.1:0", Topics: mqtt.Topics{Prefix: "test"}, CloseGrace: 50 * time.Millisecond,
		ReloadEvery: 20 * time.Millisecond, Log: e.log.logger(), ReadSecret: readFile,
	}
	if change != nil {
		change(&options)
	}
	up := make(chan struct{})
	broker, err := broker.New(options, mqtt.Handlers{
		Deliver: func(d mqtt.Delivery) { e.deliveries <- d },
		Up:      func() { close(up) },
		Down:    func(error) {},
	})
	if err != nil {
		t.Fatal(err)
	}
	e.Broker = broker
	ctx, cancel := context.WithCancel(context.Background())
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := mqtttest.Receive(t, e.ended); err != nil {
			t.Errorf("Run returned %v", err)
		}
	})
	go func() { e.ended <- broker.Run(ctx) }()
	t.Cleanup(func() {
		e.stop()
		if t.Failed() {
			t.Logf("the broker said:\n%s", e.log)
		}
	})
	mqtttest.Receive(t, up)
	return e
}

func (e *embedded) publish(topic, payload string) {
	e.t.Helper()
	if err := e.Publish(mqtt.Message{Topic: topic, Payload: []byte(payload), Retained: true}).Wait(e.t.Context()); err != nil {
		e.t.Fatal(err)
	}
}

// till is a client with MQTT 3.1.1.
type till struct {
	paho.Client
	lost chan struct{}
}

// connect connects a till; user is NAME:PASSWORD or nothing.
func connect(t *testing.T, b *broker.Broker, user string) *till {
	t.Helper()
	client, token := dialTill(t, b, user, "")
	if !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
		t.Fatalf("connecting: %v", token.Error())
	}
	return client
}

func dialTill(t *testing.T, b *broker.Broker, user, id string) (*till, paho.Token) {
	lost := make(chan struct{}, 1)
	o := paho.NewClientOptions()
	o.AddBroker("tcp://" + b.Addr())
	o.SetClientID(id)
	o.SetProtocolVersion(4)
	o.SetAutoReconnect(false)
	o.SetConnectTimeout(proctest.Patience)
	if name, password, ok := strings.Cut(user, ":"); ok {
		o.SetUsername(name)
		o.SetPassword(password)
	}
	o.SetConnectionLostHandler(func(paho.Client, error) { lost <- struct{}{} })
	client := &till{paho.NewClient(o), lost}
	t.Cleanup(func() { client.Disconnect(0) })
	return client, client.Connect()
}

// lockedLog is a log that is written to by several goroutines.
type lockedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lockedLog) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func readFile(path string) (string, error) {
	raw, err := os.ReadFile(path)
	return string(raw), err
}

func order(n int) (topic, payload string) {
	return fmt.Sprintf("test/terminals/T%d/orders", n), fmt.Sprintf("order %d", n)
}

// TestBrokerAcknowledgesWhatIsWritten holds deliveries back: no till may get
// of an acknowledgement before its own is acknowledged, and none waits for
// another.
func TestBrokerAcknowledgesWhatIsWritten(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	var tokens []paho.Token
	var held []mqtt.Delivery
	for n := range 5 {
		topic, payload := order(n)
		tokens = append(tokens, connect(t, b.Broker, "").Publish(topic, byte(1+n%2), false, payload))
		d := mqtttest.Receive(t, b.deliveries)
		if d.Topic != topic || string(d.Payload) != payload || d.Retained || d.Duplicate {
			t.Fatalf("%+v", d)
		}
		held = append(held, d)
	}
	for n := 4; n >= 0; n-- {
		select {
		case <-tokens[n].Done():
			t.Fatalf("till %d heard an acknowledgement before its request was written", n)
		default:
		}
		held[n].Ack()
		if !tokens[n].WaitTimeout(proctest.Patience) || tokens[n].Error() != nil {
			t.Fatalf("till %d: %v", n, tokens[n].Error())
		}
	}
}

// TestBrokerFailClosesOneTill: nothing but the connection of the till whose
// request could not be written ends.
func TestBrokerFailClosesOneTill(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for _, qos := range []byte{0, 1, 2} {
		unlucky, lucky := connect(t, b.Broker, ""), connect(t, b.Broker, "")
		topic, payload := order(1)
		lost := unlucky.Publish(topic, qos, false, payload)
		d := mqtttest.Receive(t, b.deliveries)
		fine := lucky.Publish(topic, 1, false, "another")
		other := mqtttest.Receive(t, b.deliveries)
		d.Fail(errors.New("no space left"))
		mqtttest.Receive(t, unlucky.lost)
		if <-lost.Done(); qos > 0 && lost.Error() == nil {
			t.Errorf("QoS %d: acknowledged although it could not be written", qos)
		}
		other.Ack()
		if !fine.WaitTimeout(proctest.Patience) || fine.Error() != nil || !lucky.IsConnectionOpen() {
			t.Errorf("QoS %d: another till was touched: %v", qos, fine.Error())
		}
	}
}

// TestBrokerOneAfterTheOther: of one till, nothing is taken before what it
// published earlier is settled, and nothing after what failed.
func TestBrokerOneAfterTheOther(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	till := connect(t, b.Broker, "")
	for n := range 3 {
		topic, payload := order(n)
		till.Publish(topic, 1, false, payload)
	}
	first := mqtttest.Receive(t, b.deliveries)
	b.roundTrip()
	if n := len(b.deliveries); n != 0 {
		t.Fatalf("%d requests were delivered behind one that is not settled", n)
	}
	first.Ack()
	mqtttest.Receive(t, b.deliveries).Fail(errors.New("no space left"))
	mqtttest.Receive(t, till.lost)
	b.roundTrip()
	if n := len(b.deliveries); n != 0 {
		t.Errorf("%d requests were delivered behind one that failed", n)
	}
}

// roundTrip takes as long as it takes the broker to serve another till.
func (e *embedded) roundTrip() { e.roundTripAs("") }

func (e *embedded) roundTripAs(user string) {
	e.t.Helper()
	till := connect(e.t, e.Broker, user)
	defer till.Disconnect(0)
	for range 20 {
		if token := till.Subscribe("test/agent", 1, nil); !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
			e.t.Fatal(token.Error())
		}
	}
}

// TestBrokerKeepsRequestsToItself: who subscribes to everything sees the
// agent's messages and no request, and of what the agent keeps the latest.
func TestBrokerKeepsRequestsToItself(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	b.publish("test/terminals/T1/status/r0", "old")
	b.publish("test/terminals/T1/status/r0", "kept")
	b.publish("test/terminals/T1/status/gone", "pruned")
	b.publish("test/terminals/T1/status/gone", "")
	seen := mqtttest.Connect(t, "tcp://"+b.Addr()).Watch("#")
	if m := mqtttest.Receive(t, seen); string(m.Payload) != "kept" || !m.Retained {
		t.Fatalf("%+v", m)
	}
	topic, payload := order(1)
	token := connect(t, b.Broker, "").Publish(topic, 1, false, payload)
	mqtttest.Receive(t, b.deliveries).Ack()
	if !token.WaitTimeout(proctest.Patience) {
		t.Fatal("not acknowledged")
	}
	b.publish("test/terminals/T1/status/r1", "new")
	if m := mqtttest.Receive(t, seen); m.Topic != "test/terminals/T1/status/r1" || string(m.Payload) != "new" || m.Retained {
		t.Errorf("%+v", m)
	}
}

// TestBrokerPassesOthersOn: other topics are carried for who is connected, and
// not kept; without a users file that is everybody's.
func TestBrokerPassesOthersOn(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	seen := mqtttest.Connect(t, "tcp://"+b.Addr()).Watch("shop/#")
	if token := connect(t, b.Broker, "").Publish("shop/drawer", 1, true, "open"); !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if m := mqtttest.Receive(t, seen); string(m.Payload) != "open" || m.Retained {
		t.Errorf("%+v", m)
	}
	late := mqtttest.Connect(t, "tcp://"+b.Addr()).Watch("#")
	b.publish("test/agent", "online")
	if m := mqtttest.Receive(t, late); m.Topic != "test/agent" {
		t.Errorf("the broker kept %+v", m)
	}
}

// TestBrokerEnds: what is being written has its grace, and what comes later or
// takes longer is not acknowledged.
func TestBrokerEnds(t *testing.T) {
	t.Parallel()
	b := startBroker(t, func(o *broker.Options) { o.CloseGrace = proctest.Patience })
	topic, payload := order(1)
	taken := connect(t, b.Broker, "").Publish(topic, 1, false, payload)
	d := mqtttest.Receive(t, b.deliveries)
	late := connect(t, b.Broker, "")
	go b.stop()
	for closed := false; !closed; {
		conn, err := net.Dial("tcp", b.Addr())
		if closed = err != nil; !closed {
			_ = conn.Close()
		}
	}
	// What comes before the end has taken hold is still taken.
	for ended := false; !ended; {
		refused := late.Publish(topic, 1, false, payload)
		select {
		case early := <-b.deliveries:
			early.Ack()
		case <-refused.Done():
			ended = true
		}
		if <-refused.Done(); ended && refused.Error() == nil {
			t.Error("a request that came at the end was acknowledged")
		}
	}
	d.Ack()
	if !taken.WaitTimeout(proctest.Patience) || taken.Error() != nil {
		t.Errorf("what was written in time: %v", taken.Error())
	}
	b.stop()

	short := startBroker(t, nil)
	stuck := connect(t, short.Broker, "").Publish(topic, 1, false, payload)
	d = mqtttest.Receive(t, short.deliveries)
	short.stop()
	if <-stuck.Done(); stuck.Error() == nil {
		t.Error("a request that was not written was acknowledged")
	}
	d.Ack() // does nothing any more
}

func TestBrokerOptions(t *testing.T) {
	t.Parallel()
	handlers := mqtt.Handlers{Deliver: func(mqtt.Delivery) {}, Up: func() {}, Down: func(error) {}}
	for _, tt := range []struct {
		want   string
		change func(*broker.Options)
	}{
		{"prefix", func(o *broker.Options) { o.Topics.Prefix = "a/#" }},
		{"together", func(o *broker.Options) { o.CertFile = "x" }},
		{"read the broker's users", func(o *broker.Options) { o.UsersFile = "none" }},
		{"secret files", func(o *broker.Options) { o.UsersFile, o.ReadSecret = "none", nil }},
		{"read the broker's certificate", func(o *broker.Options) { o.CertFile, o.KeyFile = "none", "none" }},
	} {
		o := broker.Options{Listen: "127.0.0.1:0", Topics: mqtt.Topics{Prefix: "test"}, ReadSecret: readFile}
		tt.change(&o)
		if _, err := broker.New(o, handlers); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v, want it to tell of %s", err, tt.want)
		}
	}
	first := startBroker(t, nil)
	o := broker.Options{Listen: first.Addr(), Topics: mqtt.Topics{Prefix: "test"}}
	var downs []error
	handlers.Down = func(err error) { downs = append(downs, err) }
	second, err := broker.New(o, handlers)
	if err != nil {
		t.Fatal(err)
	}
	if err := second.Run(t.Context()); err == nil || len(downs) != 2 || downs[0] == nil || downs[1] != nil || second.Connected() {
		t.Errorf("a taken address: %v, downs %v", err, downs)
	}
}
