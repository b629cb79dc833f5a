package probe_test

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api/simulator"
)

// TestBothSidesOfEachAnswer turns the simulator's switches one by one: each answer is given both ways.
func TestBothSidesOfEachAnswer(t *testing.T) {
	t.Parallel()
	const busy = "policy.busy_means"
	answer := func(question, value string) map[string]string { return map[string]string{question: value} }
	for name, c := range map[string]struct {
		simulator.Options
		prepare func(*testing.T, *simulator.Simulator)
		wants   map[string]string
		says    map[string]string
		sets    map[string]string
	}{
		"a list that lags": {
			Options: simulator.Options{Lag: simulator.Lag{List: 5 * time.Second}},
			wants:   map[string]string{listed: "yes", stores: "no"},
			says:    answer(listed, "yes, 5s after the reply"),
			sets:    map[string]string{busy: `"not_created"`, "policy.doubt_check": "", "callback.public_url": ""},
		},
		"a list that lags as far as a doubt is looked into": {
			Options: simulator.Options{Lag: simulator.Lag{List: 50 * time.Second}},
			sets:    map[string]string{"policy.doubt_check": ""},
		},
		"a list that lags further": {
			Options: simulator.Options{Lag: simulator.Lag{List: 51 * time.Second}},
			wants:   map[string]string{listed: "yes", stores: "no"},
			sets:    map[string]string{busy: `"not_created"`, "policy.doubt_check": `"2m33s"`},
		},
		"a list that lags longer than is looked": {
			Options: simulator.Options{Lag: simulator.Lag{List: 2*time.Minute + 1}},
			wants:   map[string]string{listed: "no", referenced: "yes", stores: "unknown"},
			sets:    map[string]string{busy: `"doubt"`, "callback.public_url": "…"},
		},
		"the newest order is last": {
			prepare: func(t *testing.T, s *simulator.Simulator) { elsewhere(t, s, 2, "web") },
			wants:   map[string]string{positionIn: "last", stores: "no"},
		},
		"the newest order is first": {
			Options: simulator.Options{NewestFirst: true},
			prepare: func(t *testing.T, s *simulator.Simulator) { elsewhere(t, s, 2, "web") },
			wants:   map[string]string{positionIn: "first", stores: "no"},
		},
		"references that come later": {
			Options: simulator.Options{Lag: simulator.Lag{References: 20 * time.Second}},
			wants:   map[string]string{referenced: "yes", numbered: "yes", stores: "no"},
			says:    map[string]string{referenced: "yes, 20s after the reply, unpaid", numbered: "yes, 0s after the reply, unpaid"},
		},
		"details without our references": {
			Options: simulator.Options{Lag: simulator.Lag{References: -1}},
			wants:   map[string]string{listed: "yes", referenced: "no", numbered: "yes", stores: "no"},
			says:    answer(referenced, "no, though details are answered"),
			sets:    map[string]string{busy: `"not_created"`},
		},
		"numbers that come later": {
			Options: simulator.Options{Lag: simulator.Lag{Numbers: 7 * time.Second}},
			says:    map[string]string{referenced: "yes, 0s after the reply, unpaid", numbered: "yes, 7s after the reply, unpaid"},
		},
		"details without numbers": {
			Options: simulator.Options{Lag: simulator.Lag{Numbers: -1}},
			wants:   map[string]string{referenced: "yes", numbered: "no"},
			says:    answer(numbered, "no, though details are answered"),
		},
		"other pending words": {
			Options: simulator.Options{Unsaid: simulator.Unsaid{PendingPayment: "WAITING", PendingBooks: "ON TERMINAL"}},
			wants:   answer(pending, "[ON TERMINAL WAITING]"),
			says:    answer(pending, "ON TERMINAL, WAITING"),
		},
		"a pending word in the books alone": {
			Options: simulator.Options{Unsaid: simulator.Unsaid{PendingPayment: simulator.NoWord}},
			wants:   answer(pending, "[SENT]"),
		},
		"no pending words": {
			Options: simulator.Options{Unsaid: simulator.Unsaid{PendingPayment: simulator.NoWord, PendingBooks: simulator.NoWord}},
			wants:   answer(pending, "[]"),
			says:    answer(pending, "not seen"),
		},
		"busy stores": {
			Options: simulator.Options{Unsaid: simulator.Unsaid{BusyStores: true}},
			wants:   answer(stores, "yes"),
			says:    answer(stores, "yes: it was answered busy, and 1 came to exist"),
			sets:    map[string]string{busy: `"doubt"`},
		},
		"busy stores, which a list that lags shows late": {
			Options: simulator.Options{Unsaid: simulator.Unsaid{BusyStores: true}, Lag: simulator.Lag{List: 10 * time.Second, References: 30 * time.Second}},
			wants:   answer(stores, "yes"),
			sets:    map[string]string{busy: `"doubt"`},
		},
		"other orders in the list": {
			prepare: func(t *testing.T, s *simulator.Simulator) {
				s.SetLag(simulator.Lag{List: 3 * time.Second}) // they show after the probe has begun
				elsewhere(t, s, 1, "web")
			},
			wants: answer(stores, "no"),
		},
		"another's order, where details don't name ours": {
			prepare: func(t *testing.T, s *simulator.Simulator) {
				s.SetLag(simulator.Lag{List: 3 * time.Second})
				elsewhere(t, s, 1, "web")
				s.SetLag(simulator.Lag{References: -1})
			},
			wants: map[string]string{referenced: "no", stores: "unknown"},
			sets:  map[string]string{busy: `"doubt"`},
		},
		"an order of which details name nobody": {
			prepare: func(t *testing.T, s *simulator.Simulator) {
				s.SetLag(simulator.Lag{List: 3 * time.Second})
				elsewhere(t, s, 1, "")
			},
			wants: map[string]string{referenced: "yes", stores: "unknown"},
			sets:  map[string]string{busy: `"doubt"`},
		},
		"a list that fails when it is needed": {
			prepare: func(_ *testing.T, s *simulator.Simulator) {
				s.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Skip: 2, Times: -1, Do: simulator.Status(500, "{}")})
			},
			wants: map[string]string{listed: "yes", stores: "unknown"},
			sets:  map[string]string{busy: `"doubt"`},
		},
		"refund status by POST": {Options: simulator.Options{Unsaid: simulator.Unsaid{RefundStatusBy: http.MethodPost}}, wants: answer(asked, "POST")},
		"refund status by GET":  {Options: simulator.Options{Unsaid: simulator.Unsaid{RefundStatusBy: http.MethodGet}}, wants: answer(asked, "GET")},
		"a proxy for a refund status": {
			prepare: func(_ *testing.T, s *simulator.Simulator) {
				s.Inject(simulator.Fault{Operation: simulator.OpRefundStatus, Times: -1, Do: simulator.Action{Kind: simulator.KindPage, Code: 404}})
			},
			wants: answer(asked, "unknown"),
			says:  answer(asked, "neither is answered as the API answers"),
		},
		"no refund status": {
			prepare: func(_ *testing.T, s *simulator.Simulator) {
				s.Inject(simulator.Fault{Operation: simulator.OpRefundStatus, Times: -1, Do: simulator.DropBefore()})
			},
			wants: answer(asked, "unknown"),
		},
		"a limit": {
			Options: simulator.Options{RateLimit: 1000},
			sets:    map[string]string{"api.requests_per_minute": "750"},
		},
		"no limit": {
			wants: answer(rate, "map[]"),
			says:  answer(rate, "nothing"),
			sets:  map[string]string{"api.requests_per_minute": ""},
		},
		"callbacks": {
			Options: simulator.Options{Callbacks: &http.Client{}},
			wants:   answer(callbacks, "1"),
			says:    answer(callbacks, "yes, 1 came for the first order and its end"),
		},
		"callbacks that are repeated": {
			Options: simulator.Options{Callbacks: &http.Client{}},
			prepare: func(_ *testing.T, s *simulator.Simulator) {
				s.Inject(simulator.Fault{Operation: simulator.OpCallback, Do: simulator.Repeat(2, time.Second)})
			},
			wants: answer(callbacks, "3"),
		},
		"callbacks that don't come": {
			Options: simulator.Options{Callbacks: &http.Client{}},
			prepare: func(_ *testing.T, s *simulator.Simulator) {
				s.Inject(simulator.Fault{Operation: simulator.OpCallback, Times: -1, Do: simulator.DropBefore()})
			},
			wants: answer(callbacks, "0"),
			says:  answer(callbacks, "none came"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := c.Options
				o.Customer = simulator.WalkAway()
				w := ask(t, o, func(s *simulator.Simulator) {
					if c.prepare != nil {
						c.prepare(t, s)
					}
				})
				w.ended()
				w.wants(c.wants)
				for question, words := range c.says {
					w.says(question, words)
				}
				w.sets(c.sets)
			})
		})
	}
}

// TestAnOrderThatMayBeOurs: where details name nobody, what shows in the list after a busy answer may be ours. It is not
// taken for nothing, and is named.
func TestAnOrderThatMayBeOurs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := ask(t, simulator.Options{
			Customer: simulator.WalkAway(), Lag: simulator.Lag{References: -1}, Unsaid: simulator.Unsaid{BusyStores: true},
		}, nil)
		orders := w.sim.Orders()
		if len(orders) != 2 {
			t.Fatalf("%d orders", len(orders))
		}
		w.wants(map[string]string{listed: "yes", referenced: "no", stores: "unknown"})
		w.says(stores, "it was answered busy; the list shows "+orders[1].UUID+" since, and details don't say whose")
		w.sets(map[string]string{"policy.busy_means": `"doubt"`})
	})
}
