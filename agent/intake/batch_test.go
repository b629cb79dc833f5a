package intake

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/config"
	"tillpost/agent/health"
	"tillpost/agent/publish"
	"tillpost/agent/terminals"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// askedStore counts what an outbox is asked for by id.
type askedStore struct {
	outbox.Store
	mu sync.Mutex
	of map[string]int
}

func (s *askedStore) Lookup(id string) (outbox.Request, error) {
	s.mu.Lock()
	s.of[id]++
	s.mu.Unlock()
	return s.Store.Lookup(id)
}

// Messages that come together are judged as if they came one by one, and the outbox is asked once for the id of each.
func TestABatchIsCheckedOneByOne(t *testing.T) {
	t.Parallel()
	log, bus := slog.New(slog.DiscardHandler), &recordingBus{}
	raw := outboxtest.Open(t, bolt.Options{})
	store := &askedStore{Store: raw}
	cfg := &config.Config{}
	cfg.Policy.OrderTTL, cfg.Policy.RefundTTL = time.Hour, time.Hour
	topics, system := mqtt.Topics{Prefix: "p"}, clock.NewSystem()
	publisher := publish.New(publish.Options{Topics: topics, Store: raw, Clock: system, Pages: noPages{}, Log: log, Retention: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	var publishing sync.WaitGroup
	publishing.Go(func() { publisher.Run(ctx, bus, noSource()) })
	defer func() { cancel(); publishing.Wait() }()
	publisher.Connected(true)
	in := New(Options{
		Config: cfg, Topics: topics, Store: store, Clock: system, Directory: terminals.NewDirectory([]string{"T1", "T2"}, raw, log),
		Publish: publisher, Lanes: noLanes{}, Log: log, Metrics: monitor.NewMetrics(monitor.BuildInfo{}, monitor.Labels{}, monitor.Sources{}), Problems: health.NewProblems(),
		InOrder: true, Older: func() bool { return false },
	})
	const refund, other, check = `{"requestId":"ID","orderUuid":"ODR1","full":true}`, `{"requestId":"ID","orderUuid":"ODR2","full":true}`, `{"requestId":"ID","target":"OF"}`
	type came struct {
		terminal, kind, id, payload, of, want string
	}
	for _, batch := range [][]came{{
		{"T1", "refunds", "a", refund, "", "taken"},
		{"T1", "checks", "a", check, "unheard", "requestIdConflict"},
		{"T1", "checks", "k", check, "a", "taken"},
		{"T1", "refunds", "a", `{"requestId":"ID"}`, "", "requestIdConflict"},
		{"T1", "refunds", "a", refund, "", "taken"},
		{"T2", "refunds", "a", other, "", "requestIdConflict"},
		{"T9", "refunds", "a", refund, "", "requestIdConflict"},
		{"T1", "refunds", "b", refund, "", "taken"},
		{"T1", "refunds", "b", `{"requestId":"ID"}`, "", "requestIdConflict"},
		{"T9", "refunds", "b", refund, "", "requestIdConflict"},
		{"T1", "refunds", "b", refund, "", "taken"},
		{"T2", "refunds", "b", refund, "", "requestIdConflict"},
		{"T9", "refunds", "u", refund, "", "unknownTerminal"},
		{"T1", "refunds", "b", `{"requestId":"ID"`, "", "notJSON"},
		{"T1", "refunds", "b", `{"requestId":"ID","orderUuid":"\u0000"}`, "", "requestIdConflict"},
		{"T1", "cancels", "c", check, "unheard", "unknownTarget"},
		{"T1", "sales", "u", `{"requestId":"ID"}`, "", "unknownKind"},
	}, {
		{"T1", "refunds", "a", refund, "", "taken"},
		{"T1", "refunds", "a", other, "", "requestIdConflict"},
		{"T1", "refunds", "a", `{"requestId":"ID"}`, "", "requestIdConflict"},
		{"T9", "refunds", "a", refund, "", "requestIdConflict"},
		{"T1", "checks", "a", check, "unheard", "requestIdConflict"},
		{"T1", "checks", "k", check, "a", "taken"},
		{"T1", "refunds", "u", refund, "", "taken"},
	}} {
		store.of = map[string]int{}
		got, asked := make([]string, len(batch)), map[string]int{}
		var deliveries []mqtt.Delivery
		for i, m := range batch {
			payload := strings.NewReplacer("ID", m.id, "OF", m.of).Replace(m.payload)
			published := mqtt.Message{Topic: "p/terminals/" + m.terminal + "/" + m.kind, Payload: []byte(payload)}
			deliveries = append(deliveries, mqtt.NewDelivery(published, false, func(why *mqtt.Refusal, err error) {
				switch {
				case why != nil:
					got[i] = why.Code
				case err == nil:
					got[i] = "taken"
				}
			}))
			asked[m.id]++
			if m.of != "" && m.want != "requestIdConflict" {
				asked[m.of]++
			}
		}
		in.take(t.Context(), deliveries)
		for i, m := range batch {
			if got[i] != m.want {
				t.Errorf("%s on %s/%s: %s, want %s", m.payload, m.terminal, m.kind, got[i], m.want)
			}
		}
		for id, n := range store.of {
			if n > asked[id] {
				t.Errorf("the outbox was asked %d times for %s, of %d messages", n, id, asked[id])
			}
		}
	}
	publisher.Last(t.Context(), "p/agent", nil) // returns once all is with the broker
	refused := 0
	for _, m := range bus.published() {
		if !strings.Contains(string(m.Payload), `"rejected"`) {
			continue
		}
		refused++
		if !strings.HasSuffix(m.Topic, "/u") && !strings.HasSuffix(m.Topic, "/c") {
			t.Errorf("a status was told of a taken id: %s %s", m.Topic, m.Payload)
		}
	}
	if refused == 0 {
		t.Error("no status was told of what was refused under a free id")
	}
}

// recordingBus takes everything at once.
type recordingBus struct {
	mqtt.Bus
	mu  sync.Mutex
	all []mqtt.Message
}

func (b *recordingBus) Publish(m mqtt.Message) mqtt.Token {
	b.mu.Lock()
	b.all = append(b.all, m)
	b.mu.Unlock()
	token, settle := mqtt.NewToken()
	settle(nil)
	return token
}

func (b *recordingBus) published() []mqtt.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.all)
}

type noPages struct{}

func (noPages) Publish(string, string, []byte) {}
func (noPages) Touch()                         {}

type noLanes struct{}

func (noLanes) Named(outbox.Request, string)          {}
func (noLanes) Expect(string)                         {}
func (noLanes) Start(outbox.Request) outbox.FirstTurn { return nil }

func noSource() publish.Source {
	return publish.Source{
		Agent:     func() (s message.AgentState) { return s },
		Terminals: func() []message.TerminalInfo { return nil },
		Displays:  func() []message.Display { return nil },
	}
}
