package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/agent/clock"
	"tillpost/agent/config"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/message"
	"tillpost/mqtt/mqtttest"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// heldStore is an outbox whose writes can be made to fail, or to wait.
type heldStore struct {
	outbox.Store
	fail  atomic.Bool
	hold  chan struct{}
	begun chan int
}

func (s *heldStore) Accept(ctx context.Context, as ...outbox.Arrival) ([]outbox.Added, error) {
	s.begun <- len(as)
	select {
	case <-s.hold:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.fail.Load() {
		return nil, errors.New("input/output error")
	}
	return s.Store.Accept(ctx, as...)
}

// embeddedShop is an agent with the broker inside it, at an API that nobody answers. The world is the real one: tills
// connect over TCP.
type embeddedShop struct {
	*testing.T
	url   string
	store *heldStore
	stop  func()
}

func startEmbedded(t *testing.T, before ...outbox.Request) *embeddedShop {
	t.Helper()
	dir, log := t.TempDir(), &syncBuffer{}
	if len(before) > 0 {
		store := outboxtest.OpenAt(t, filepath.Join(dir, "outbox.db"), bolt.Options{})
		for some := range slices.Chunk(before, 500) {
			if _, err := store.Add(t.Context(), some...); err != nil {
				t.Fatal(err)
			}
		}
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("test.toml", fmt.Appendf(nil, `
terminals = [%q, %q]
[api]
base_url = "http://127.0.0.1:1/api/v1"
token_file = %q
[mqtt.embedded]
listen = "127.0.0.1:0"
[outbox]
path = %q
`, oslo, bergen, filepath.Join(dir, "token"), filepath.Join(dir, "outbox.db")))
	if err != nil {
		t.Fatal(err)
	}
	s := &embeddedShop{T: t, store: &heldStore{hold: make(chan struct{}), begun: make(chan int, 100)}}
	a, err := agent.New(agent.Options{
		Config: cfg, Version: "test", NoHTTP: true, Logger: slog.New(slog.NewTextHandler(log, nil)),
		Store: func(o bolt.Options) (outbox.Store, error) {
			store, err := bolt.Open(cfg.Outbox.Path, o)
			s.store.Store = store
			return s.store, err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.url = "tcp://" + regexp.MustCompile(`embedded broker" address=(\S+)`).FindStringSubmatch(log.String())[1]
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	s.stop = func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		done <- nil
	}
	t.Cleanup(func() {
		s.stop()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return s
}

// publish places an order, in the background; the channel reports whether the broker acknowledged it.
func (s *embeddedShop) publish(id string) <-chan error {
	s.Helper()
	fate := make(chan error, 1)
	up := make(chan struct{}, 1)
	till, err := client.NewSubscriber(client.Options{URL: s.url, ClientID: id, Topics: mqtt.Topics{Prefix: "tillpost"}}, []string{"tillpost/rejects"},
		mqtt.Handlers{Up: func() { up <- struct{}{} }, Down: func(error) {}, Deliver: func(mqtt.Delivery) {}})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := till.Run(ctx); err != nil {
			s.Error(err)
		}
	}()
	<-up
	go func() {
		payload := fmt.Appendf(nil, `{"requestId":%q,"order":%s}`, id, exampleOrder(time.Now().Format("02 Jan, 2006")))
		fate <- till.Publish(mqtt.Message{Topic: "tillpost/terminals/" + oslo + "/orders", Payload: payload}).Wait(context.Background())
		cancel()
		<-ended
	}()
	return fate
}

// TestEmbeddedAcknowledgement: a till hears its acknowledgement after the write, tills that wait share one, and one that
// fails is acknowledged to nobody.
func TestEmbeddedAcknowledgement(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	first := s.publish("first")
	<-s.store.begun
	var others []<-chan error
	for n := range 5 {
		others = append(others, s.publish(fmt.Sprint("other-", n)))
	}
	select {
	case err := <-first:
		t.Fatalf("a till heard %v before its request was written", err)
	default:
	}
	s.store.hold <- struct{}{}
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	watch := func() mqtt.Message {
		return <-mqtttest.Connect(t, s.url).Watch("tillpost/terminals/" + oslo + "/status/first")
	}
	m := watch()
	if !m.Retained {
		m = watch() // it was published while we connected
	}
	if !strings.Contains(string(m.Payload), `"state":"queued"`) || !m.Retained {
		t.Errorf("%s", m.Payload)
	}
	s.store.fail.Store(true)
	failed := 0
	for failed < len(others) {
		failed += <-s.store.begun
		s.store.hold <- struct{}{}
	}
	for _, fate := range others {
		if err := <-fate; !errors.Is(err, mqtt.ErrConnectionLost) {
			t.Errorf("a request that was not written: %v", err)
		}
	}
	s.store.fail.Store(false)
	again := s.publish("other-0")
	<-s.store.begun
	s.store.hold <- struct{}{}
	if err := <-again; err != nil {
		t.Errorf("after the disk had recovered: %v", err)
	}
}

// TestEmbeddedStop: tills whose requests wait when the agent is told to stop do not hold it up, and are not acknowledged.
func TestEmbeddedStop(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	writing := s.publish("writing")
	<-s.store.begun
	waiting := s.publish("waiting")
	begun := time.Now()
	s.stop()
	if took := time.Since(begun); took > 20*time.Second { // the exact bound is held where time does not depend on the machine
		t.Errorf("the stop took %v", took)
	}
	for name, fate := range map[string]<-chan error{"writing": writing, "waiting": waiting} {
		if err := <-fate; err == nil {
			t.Errorf("%s: acknowledged although it was not written", name)
		}
	}
}

// TestEmbeddedReadsStatuses: more statuses than are held in memory are all handed to who subscribes, once, retained, and
// as they stand.
func TestEmbeddedReadsStatuses(t *testing.T) {
	t.Parallel()
	const n = 5000
	clock := clock.NewSystem()
	queue := make([]outbox.Request, n)
	for i := range queue {
		r := outboxtest.Order(fmt.Sprint("order-", i), []string{oslo, bergen}[i%2])
		r.TTL = 24 * time.Hour
		queue[i] = outbox.NewRequest(r, clock.Now())
	}
	s := startEmbedded(t, queue...)
	for s.readAll(n) < n {
		continue // a slow machine lets readers in before all was published: they get the rest as new
	}
}

// readAll subscribes to all statuses, and returns how many of the n there are it heard as retained once it knows all.
func (s *embeddedShop) readAll(n int) int {
	s.Helper()
	heard, retained, all := map[string]bool{}, map[string]bool{}, make(chan struct{})
	check := func(m mqtt.Delivery) {
		defer m.Ack()
		var status message.Status
		if err := json.Unmarshal(m.Payload, &status); err != nil {
			s.Error(err)
		}
		var i int
		if _, err := fmt.Sscanf(status.RequestID, "order-%d", &i); err != nil || m.Retained && retained[status.RequestID] {
			s.Errorf("%s comes twice, or is no order of ours: %v", status.RequestID, err)
		}
		if status.State != "queued" || status.QueuePosition != i/2+1 {
			s.Errorf("%s", m.Payload)
		}
		known := len(heard)
		heard[status.RequestID] = true
		if m.Retained {
			retained[status.RequestID] = true
		}
		if len(heard) == n && known < n {
			close(all)
		}
	}
	reader, err := client.NewSubscriber(client.Options{URL: s.url, ClientID: "reader", Topics: mqtt.Topics{Prefix: "tillpost"}}, []string{"tillpost/terminals/+/status/+"},
		mqtt.Handlers{Up: func() {}, Down: func(error) {}, Deliver: check})
	if err != nil {
		s.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.Context())
	var reading sync.WaitGroup
	reading.Go(func() {
		if err := reader.Run(ctx); err != nil {
			s.Error(err)
		}
	})
	<-all
	cancel()
	reading.Wait()
	return len(retained)
}
