package chaos_test

import (
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/govalues/decimal"

	"tillpost/agent/config"
	"tillpost/api/simulator"
)

const token = "test-token"

// doom is where a life ends.
type doom struct {
	at    site
	hits  int
	after time.Duration
}

// plan is what a schedule decides before it begins.
type plan struct {
	on          feature
	terminals   []string
	lasts       time.Duration
	faultRate   float64
	uncertain   float64
	lookups     simulator.Lookups
	busyDoubt   bool
	marksHidden bool // the tills leave no room for our marks
	onFile      bool
	approver    simulator.Approver
	threshold   int64 // of a refund without approval, in kroner
	resend      time.Duration
	pauses      bool // people pause terminals
	// How the API shows its books, and how long the agent waits for that.
	lag                                    simulator.Lag
	newestFirst, negative                  bool
	doubtCheck, doubtHold, customerTimeout time.Duration
	dooms                                  []doom
	customers                              int // how many of ten pay
}

func (w *world) draw() plan {
	r := w.stream("plan")
	p := plan{
		terminals: []string{"TRML1", "TRML2", "TRML3"}[:1+r.IntN(3)],
		lasts:     r.between(40*time.Second, 110*time.Second),
		faultRate: pick(r, 0, 0.03, 0.1, 0.25, 0.5),
		lookups:   pick(r, simulator.LookupsShown, simulator.LookupsShown, simulator.LookupsShown, simulator.LookupsShown, simulator.LookupsForbidden, simulator.LookupsHidden),
		busyDoubt: r.chance(0.25), marksHidden: r.chance(0.1), onFile: r.chance(1.0 / fileEvery),
		approver:  pick(r, simulator.Approver{}, simulator.Grant(r.between(0, time.Minute)), simulator.Deny(r.between(0, time.Minute))),
		threshold: pick(r, int64(5000), 5000, 150, 0),
		resend:    pick(r, 0, 0, time.Second, 5*time.Second),
		customers: 4 + r.IntN(7),
	}
	if r.chance(0.1) {
		p.uncertain = 0.03
	}
	p.on = drawFeatures(r)
	if w.o.only != 0 {
		p.on = w.o.only
	}
	p.pauses = w.o.only == 0 && w.chance(0.15, "pauses")
	if p.has(fMoves) && len(p.terminals) < 2 {
		p.terminals = []string{"TRML1", "TRML2"}
	}
	if p.has(fHides | fContradict | fPages | fNames) {
		p.faultRate = max(p.faultRate, 0.15)
	}
	if p.has(fHides) {
		p.faultRate = max(p.faultRate, 0.3)
	}
	if p.has(fRefunds) {
		p.customers, p.lasts = 9, max(p.lasts, 80*time.Second)
	}
	p.drawBooks(r)
	for range pick(r, 0, 0, 1, 1, 1, 2, 2, 3, 5) {
		d := doom{at: pick(r, sites...), hits: 1 + r.IntN(4)*r.IntN(8), after: r.between(0, p.lasts/2)}
		p.dooms = append(p.dooms, d)
	}
	return p
}

// fileEvery: one schedule in so many runs on a real outbox file, with real syncs.
const fileEvery = 50

const configText = `
[store]
name = "Chaos"
timezone = "Europe/Oslo"
[api]
base_url = "http://127.0.0.1:1/api/v1"
organization_uuid = "ORG1"
requests_per_minute = 6000
timeout = "8s"
[mqtt]
url = "tcp://127.0.0.1:1883"
[policy]
order_ttl = "60s"
refund_ttl = "90s"
customer_timeout = "30s"
doubt_check = "25s"
doubt_hold = "50s"
busy_backoff_min = "1s"
busy_backoff_max = "4s"
`

var baseConfig = sync.OnceValue(func() *config.Config {
	cfg, err := config.Parse("chaos.toml", []byte(configText))
	if err != nil {
		panic(err)
	}
	return cfg
})

func (w *world) config(seed uint64, dir string) *config.Config {
	cfg := *baseConfig()
	cfg.Outbox.Path = filepath.Join(dir, fmt.Sprintf("outbox-%d.db", seed))
	w.policy(&cfg)
	return &cfg
}

func (w *world) simulated(seed uint64) simulator.Options {
	o := simulator.Options{
		Token: token, Organization: "ORG1", Customer: simulator.Pay(3 * time.Second), RefundCustomer: simulator.Pay(2 * time.Second),
		Approver: w.approver, Lookups: w.lookups, Seed: mix(seed) | 1,
		Thresholds: &simulator.Thresholds{Amount: decimal.MustNew(w.threshold, 0), PerWeek: 0},
		Lag:        w.lag, NewestFirst: w.newestFirst, NegativeHistory: w.negative,
	}
	if w.has(fCallbacks) {
		o.Callbacks = w.callbackClient()
	}
	for _, t := range w.terminals {
		o.Terminals = append(o.Terminals, simulator.Terminal{UUID: t, Name: t})
	}
	return o
}
