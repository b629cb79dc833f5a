package crowd_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/agent"
	"tillpost/agent/config"
	"tillpost/api/simulator"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
	"tillpost/mqtt/mqtttest"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// configText leaves everything at its default that a shop need not set.
const configText = `
[store]
name = "Crowd"
timezone = "Europe/Oslo"
[api]
base_url = "http://127.0.0.1:1/api/v1"
organization_uuid = "ORG"
[mqtt]
url = "tcp://127.0.0.1:1883"
`

const (
	terminalsEach = 2
	// The shops open one by one.
	opening = 20 * time.Second
)

// shop is one agent with its broker, its outbox, its tills, and chance of its own.
type shop struct {
	n         int
	every     time.Duration // between two orders at a terminal, or half as much more or less
	token     string        // by which the API knows the merchant
	terminals []string
	cloud     *cloud
	broker    *mqtttest.Broker
	store     *outboxtest.Mem
	doubts    *atomic.Int64

	mu  sync.Mutex
	lot *rand.Rand
}

func newShop(n int, every time.Duration, c *cloud, doubts *atomic.Int64) *shop {
	return &shop{
		n: n, every: every, token: tokenOf(n), terminals: terminalsOf(n), cloud: c, broker: mqtttest.NewBroker(), doubts: doubts,
		lot: rand.New(rand.NewPCG(uint64(n), 30)),
	}
}

func tokenOf(n int) string { return fmt.Sprint("token-", n) }

func organizationOf(n int) string { return fmt.Sprint("ORG", n) }

func terminalsOf(n int) (all []string) {
	for i := range terminalsEach {
		all = append(all, fmt.Sprintf("TRML%d-%d", n, i))
	}
	return all
}

// chance returns a number in [0,1).
func (s *shop) chance() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lot.Float64()
}

func (s *shop) between(lo, hi time.Duration) time.Duration {
	return lo + time.Duration(s.chance()*float64(hi-lo))
}

// clock is the bubble's time, known to be right.
type clock struct{ booted time.Time }

func (c clock) Now() outbox.Instant {
	now := time.Now()
	return outbox.Instant{Wall: now.UnixMilli(), Known: true, Boot: "bubble", Mono: now.Sub(c.booted)}
}
func (clock) SawDate(time.Time, time.Time) {}
func (clock) Synchronized() bool           { return true }
func (clock) Skew() (time.Duration, bool)  { return 0, false }

func parsedConfig(t *testing.T) *config.Config {
	t.Helper()
	cfg, err := config.Parse("crowd.toml", []byte(configText))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// open makes the shop's agent. run runs it, after its time to open, and its tills until the end of the outage's aftermath.
func (s *shop) open(t *testing.T, cfg config.Config, dir string) (run func(context.Context)) {
	t.Helper()
	cfg.Outbox.Path = filepath.Join(dir, fmt.Sprintf("outbox-%d.db", s.n))
	cfg.API.OrganizationUUID = organizationOf(s.n)
	a, err := agent.New(agent.Options{
		Config: &cfg, Version: "crowd", Clock: clock{s.cloud.began.Add(-time.Hour)}, NoHTTP: true, Rand: s.chance,
		DialAPI: func(ctx context.Context, _, _ string) (net.Conn, error) { return s.cloud.dial(ctx, s) },
		Bus: func(topics mqtt.Topics, will func() []byte, h mqtt.Handlers) (mqtt.Bus, error) {
			return mqtttest.NewBus(s.broker, client.Options{ClientID: "tillpost", Topics: topics, Will: will, CloseGrace: 900 * time.Millisecond}, h), nil
		},
		Store: func(o bolt.Options) (outbox.Store, error) {
			committed := o.Committed
			o.Committed = func(changes []outbox.Change) {
				for _, c := range changes {
					if c.Request.State == outbox.StateInDoubt && c.Previous != outbox.StateInDoubt {
						s.doubts.Add(1)
					}
				}
				committed(changes)
			}
			s.store = outboxtest.NewMem(o)
			return s.store, nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return func(ctx context.Context) {
		if pause(ctx, s.between(0, opening)) != nil {
			return
		}
		var tills sync.WaitGroup
		for _, terminal := range s.terminals {
			tills.Go(func() { s.sell(ctx, terminal) })
		}
		if err := a.Run(ctx); err != nil {
			t.Errorf("shop %d: Run: %v", s.n, err)
		}
		tills.Wait()
	}
}

// sell sends orders to a terminal now and then, outage or not.
func (s *shop) sell(ctx context.Context, terminal string) {
	wait := s.between(opening, opening+s.every)
	for n := 0; pause(ctx, wait) == nil; n++ {
		if time.Since(s.cloud.began) > closing {
			return
		}
		s.broker.Publish(mqtt.Message{
			Topic:   "tillpost/terminals/" + terminal + "/orders",
			Payload: fmt.Appendf(nil, `{"requestId":"%s-%d","order":%s}`, terminal, n, exampleOrder),
		})
		wait = s.between(s.every/2, s.every*3/2)
	}
}

// exampleOrder is the API's own example, without a date: that is of the day of sending.
const exampleOrder = `{
"products": {"0": {"name": "Hair Wash","productId": "VFDDF","quantity": "1","rate": 42,"discount": 0,"tax": "0","amount": 42}},
"orderSummary": {"subTotal": "42.00","totalTax": "0.00","totalDiscount": "0.00","grandTotal": "42.00"},
"sendOrderBy": {"sms": false,"email": true},
"receiptPrint": false,
"customerDetails": {"type": "private","countryCode": "+47","msisdn": "46567468","email": "customer@email.com","customerUuid": null,
"name": "Kari Nordmann","preferredLanguage": "en","personalNumber": null,"organizationId": null,
"address": {"street": "Luramyrveien 65","zip": "4313","city": "Sandnes","country": "NO"}},
"invoiceReferences": {"referenceNo": "","customerReference": "3500","customerNotes": "","tnc": ""}
}`

// customers are those of a terminal: each has a time of their own to find the card, and at one in twenty it is refused.
func customers(sim *simulator.Simulator, terminal string, n int) error {
	c := simulator.Pay(4*time.Second + time.Duration(n%13)*time.Second)
	if n%20 == 19 {
		c = simulator.Decline(c.After)
	}
	return sim.SetCustomer(terminal, c)
}
