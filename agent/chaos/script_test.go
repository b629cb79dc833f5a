package chaos_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"tillpost/api/simulator"
)

// step is one thing that happens from outside.
type step struct {
	at   time.Duration
	what string
	do   func()
}

type script struct {
	w     *world
	r     *draw
	steps []step
}

// script decides what tills, customers, staff, network, broker, disk and clock will do, and when.
func (w *world) script() []step {
	s := &script{w: w, r: w.stream("script")}
	s.customers()
	s.requests()
	for range s.r.IntN(4) {
		s.trouble()
	}
	s.networks()
	if w.has(fMoves) {
		s.moves()
	}
	if w.pauses {
		s.pauses()
	}
	for at := s.r.between(10*time.Second, 40*time.Second); at < w.lasts+40*time.Second; at += s.r.between(10*time.Second, 40*time.Second) {
		s.staff(at)
	}
	s.add(w.lasts, "", func() {})
	slices.SortStableFunc(s.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return s.steps
}

func (s *script) add(at time.Duration, what string, do func()) {
	s.steps = append(s.steps, step{at, what, do})
}

// sometime returns a moment before the calm.
func (s *script) sometime() time.Duration { return s.r.between(0, s.w.lasts) }

// begins returns when an order is placed: where it is paid back later, in time for that.
func (s *script) begins() time.Duration {
	if s.w.has(fRefunds) {
		return s.r.between(0, s.w.lasts/3)
	}
	return s.sometime()
}

func (s *script) customers() {
	customer := func() simulator.Customer {
		switch {
		case s.r.IntN(10) < s.w.customers:
			return simulator.Pay(pick(s.r, 0, s.r.between(100*time.Millisecond, 20*time.Second), s.r.between(0, 5*time.Second)))
		case s.r.chance(0.5):
			return simulator.Decline(s.r.between(0, 15*time.Second))
		}
		return simulator.WalkAway()
	}
	for _, t := range s.w.terminals {
		row := make([]simulator.Customer, 6)
		for i := range row {
			row[i] = customer()
		}
		refunds := customer()
		_ = s.w.sim.SetNextCustomers(t, row...) // the terminal is there
		_ = s.w.sim.SetRefundCustomer(t, refunds)
		for at := time.Duration(0); s.w.has(fRefunds) && at < s.w.lasts; at += s.r.between(5*time.Second, 25*time.Second) {
			c := pick(s.r, simulator.Decline(s.r.between(0, 5*time.Second)), simulator.Pay(s.r.between(0, 8*time.Second)), simulator.Pay(s.r.between(0, 20*time.Second)))
			s.add(at, "", func() { _ = s.w.sim.SetRefundCustomer(t, c) }) // or it is gone, and nobody comes
		}
	}
}

// amounts has few values, so that twins are common.
var amounts = []int64{4200, 4200, 10000, 25050, 20000}

func (s *script) requests() {
	w := s.w
	orders := 2 + s.r.IntN(4)
	for i := range orders {
		at, terminal, id, ore := s.begins(), pick(s.r, w.terminals...), fmt.Sprintf("o%d", i), pick(s.r, amounts...)
		own := w.stream("order " + id)
		s.add(at, "", func() { w.sayOrder(own, id, terminal, ore) })
		s.followUps(i, at, terminal, id, ore)
		if s.r.chance(0.2) {
			s.repeat(at, id)
		}
		if s.r.chance(0.03) {
			s.add(at+s.r.between(0, 20*time.Second), "", func() {
				w.publish(terminal, "orders", fmt.Sprintf(`{"requestId":%q,"order":%s}`, id, orderOf(own, id, ore+100, false)))
			})
		}
	}
}

// followUps is what tills do about an order: early, in time, and late.
func (s *script) followUps(i int, at time.Duration, terminal, id string, ore int64) {
	w := s.w
	soon := func() time.Duration {
		return max(0, at+s.r.between(-2*time.Second, 8*time.Second)+pick(s.r, 0, s.r.between(0, 40*time.Second)))
	}
	if s.r.chance(0.25) {
		c := fmt.Sprintf("c%d", i)
		when := soon()
		s.add(when, "", func() { w.sayAbout("cancels", c, terminal, id) })
		if s.r.chance(0.2) {
			s.repeat(when, c)
		}
	}
	for k := range pick(s.r, 0, 0, 1, 1, 2) {
		r, when, where := fmt.Sprintf("r%d-%d", i, k), soon()+5*time.Second, terminal
		if s.r.chance(0.2) {
			where = pick(s.r, w.terminals...)
		}
		own := w.stream("refund " + r)
		s.add(when, "", func() { w.sayRefund(own, r, where, id, ore) })
		if s.r.chance(0.15) {
			s.repeat(when, r)
		}
		if s.r.chance(0.15) {
			s.add(when+s.r.between(0, 20*time.Second), "", func() { w.sayAbout("cancels", "x"+r, where, r) })
		}
	}
	if w.has(fRefunds) {
		s.asksAgain(i, at, terminal, id, ore)
	}
	if s.r.chance(0.07) {
		s.add(soon()+5*time.Second, "", func() { w.sayApproval(fmt.Sprintf("a%d", i), terminal, id, min(ore, 1000)) })
	}
	if s.r.chance(0.08) {
		s.add(soon(), "", func() { w.sayAbout("resends", fmt.Sprintf("re%d", i), terminal, id) })
	}
	if s.r.chance(0.08) {
		s.add(soon(), "", func() { w.sayAbout("checks", fmt.Sprintf("ch%d", i), terminal, id) })
	}
}

// asksAgain has the clerk ask for the same amount up to three times, until the customer has it or is tired of it.
func (s *script) asksAgain(i int, at time.Duration, terminal, id string, ore int64) {
	w := s.w
	amount := pick(s.r, ore, ore, ore/2, ore/4)
	when := at + s.r.between(5*time.Second, 20*time.Second)
	for k := range 1 + s.r.IntN(3) {
		again := fmt.Sprintf("ra%d-%d", i, k)
		own := w.stream("refund " + again)
		s.add(when, "", func() {
			if k > 0 {
				if last, ok := w.statusOf(terminal, fmt.Sprintf("ra%d-%d", i, k-1)); ok && last.State == "refunded" {
					return
				}
			}
			w.sayRefundOver(own, again, terminal, id, amount)
		})
		when += s.r.between(3*time.Second, 25*time.Second)
	}
}

// repeat has the till publish a message again: it is impatient, or its own broker link was lost.
func (s *script) repeat(at time.Duration, id string) {
	for range 1 + s.r.IntN(3) {
		s.add(at+s.r.between(0, 60*time.Second), "", func() {
			if m, ok := s.w.sentByID(id); ok {
				s.w.publish(m.terminal, m.kind, m.payload)
			}
		})
	}
}

// trouble is something that befalls all requests alike.
func (s *script) trouble() {
	w, at, lasts := s.w, s.sometime(), s.r.between(time.Second, 30*time.Second)
	during := func(name string, begin, end func()) {
		s.add(at, name, func() { w.count.fault(name); begin() })
		s.add(at+lasts, "no more: "+name, func() { w.noteTrouble(); end() })
	}
	once := func(name string, do func()) { s.add(at, name, func() { w.count.fault(name); do() }) }
	terminal := pick(s.r, w.terminals...)
	switch s.r.IntN(17) {
	case 0:
		during("outage", func() { w.setDown(true) }, func() { w.setDown(false) })
	case 1:
		during("API hangs", func() { w.hole.Store(true) }, func() { w.hole.Store(false) })
	case 2:
		during("token refused", func() { w.refusing.Store(true); w.sim.SetToken("another") }, func() { w.refusing.Store(false); w.sim.SetToken(token) })
	case 3, 4:
		once("broker cut", w.broker.Cut)
	case 5:
		during("broker stopped", w.broker.Stop, w.broker.Start)
	case 6:
		if w.has(fCopies) {
			return // what proves an older copy to be one would be gone
		}
		during("broker lost its memory", func() { w.broker.Stop(); w.broker.Forget(); w.tills.forgot = true }, w.broker.Start)
	case 7:
		during("broker withholds acknowledgements", func() { w.withholds.Store(true); w.broker.Hold(true) }, func() { w.withholds.Store(false); w.broker.Hold(false) })
	case 8, 9:
		once("terminal busy", func() { _ = w.sim.SetBusyFor(terminal, lasts) })
	case 10:
		during("terminal gone", func() { w.sim.RemoveTerminal(terminal) }, func() { w.sim.AddTerminal(simulator.Terminal{UUID: terminal, Name: terminal}) })
	case 11:
		years := time.Duration(s.r.IntN(60)-30) * 365 * 24 * time.Hour
		during("clock jumps", func() { w.clock.set(years, true) }, func() { w.clock.set(0, true) })
	case 12:
		during("clock unknown", func() { w.clock.set(-25*365*24*time.Hour, false) }, func() { w.clock.set(0, true) })
	case 13:
		during("disk full", func() { w.full.Store(1 + int32(lasts%2)) }, func() { w.full.Store(0) })
	case 14:
		once("another till's order", func() { w.anotherTillsOrder(terminal) })
	case 15:
		once("restart in order", w.restartInOrder)
	default:
		s.elsewhere(lasts)
	}
}

// elsewhere is what happens at Front Payment without us: payments that come late, refunds by another till.
func (s *script) elsewhere(lasts time.Duration) {
	w := s.w
	for range 3 {
		n := s.r.IntN(100)
		if s.r.chance(0.5) {
			s.add(s.sometime()+lasts, "", func() { w.latePayment(n) })
		} else {
			own := w.stream(fmt.Sprint("another till's refund ", len(s.steps)))
			s.add(s.sometime()+lasts, "", func() { w.anotherTillsRefund(own, n) })
		}
	}
}

func (w *world) restartInOrder() {
	select {
	case w.restart <- true:
		w.note("restart in order")
	default: // no process runs just now
	}
}

func (w *world) latePayment(n int) {
	var ended []simulator.Order
	for _, o := range w.sim.Orders() {
		if o.Status == simulator.Cancelled && !o.Declined {
			ended = append(ended, o)
		}
	}
	if len(ended) > 0 {
		o := ended[n%len(ended)]
		w.count.fault("late payment")
		w.note("order %s of %s is paid late", o.UUID, tagOf(string(o.Body)))
		_ = w.sim.Settle(o.UUID, simulator.Pays) // it is there
	}
}

// byHand calls the API as another till does.
func (w *world) byHand(path, body string) {
	rq, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://127.0.0.1:1/api/v1/connect/terminal/orders/"+path, strings.NewReader(body))
	if err != nil {
		w.fail("another till: %v", err)
		return
	}
	rq.Header.Set("Authorization", "Bearer "+token)
	rq.Header.Set("Content-Type", "application/json")
	rec := &recorder{header: http.Header{}}
	rec.serve(w.sim, rq)
	w.note("another till's %s is answered with %d", path, rec.status)
}

func (w *world) anotherTillsOrder(terminal string) {
	body := orderOf(w.stream("foreign"), foreign, pick(w.stream("foreign amount"), amounts...), true)
	w.byHand("create", fmt.Sprintf(`{"terminalUuid":%q,"orderDate":%q,`, terminal, time.Now().Format("02 Jan, 2006"))+body[1:])
}

// foreign is the tag of what is not ours.
const foreign = "another till"

func (w *world) anotherTillsRefund(r *draw, n int) {
	var paid []simulator.Order
	for _, o := range w.sim.Orders() {
		if o.Status == simulator.Paid || o.Status == simulator.PartiallyRefunded {
			paid = append(paid, o)
		}
	}
	if len(paid) == 0 {
		return
	}
	o := paid[n%len(paid)]
	amount, _ := o.Amount.Quo(decimalOf(pick(r, 1, 2, 4)))
	amount = amount.Round(2)
	w.count.fault("another till's refund")
	w.byHand("refund/"+o.UUID, fmt.Sprintf(`{%s%s","type":"regular","grandTotal":%s,"isReversal":%t,"products":[{"id":%d,"amount":%s}]}`,
		tagKey, foreign, amount, r.chance(0.5), w.firstProduct(o.UUID), amount))
}

// firstProduct returns the number that the simulator gave an order's first product.
func (w *world) firstProduct(uuid string) int {
	id := 451
	for _, o := range w.sim.Orders() {
		if o.UUID == uuid {
			break
		}
		id += strings.Count(string(o.Body), `"productId"`)
	}
	return id
}
