package chaos_test

import (
	"fmt"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

// networks is what proxies between us and the API do.
func (s *script) networks() {
	w := s.w
	pages := []int{403, 404, 502, 503, 200}
	if w.has(fPages) {
		for range 1 + s.r.IntN(4) {
			f := simulator.Fault{For: pick(s.r, s.r.between(0, 2*time.Second), s.r.between(0, 30*time.Second), s.r.between(0, 100*time.Second)),
				Operation: pick(s.r, simulator.OpOrderStatuses, simulator.OpOrderStatuses, simulator.OpOrderDetails, simulator.OpOrderDetails, simulator.OpPaymentStatus,
					simulator.OpRefundStatus, simulator.OpCreate, simulator.OpRefund, simulator.OpListTerminals), Do: simulator.Page(pick(s.r, pages...))}
			at := s.sometime()
			if s.r.chance(0.2) {
				at = 0
			}
			s.add(at, fmt.Sprintf("pages: %d for %s, for %v", f.Do.Code, f.Operation, f.For), func() { w.count.fault("page for a while"); w.sim.Inject(f) })
		}
	}
	if w.has(fGateway) {
		at, code := s.sometime(), pick(s.r, 502, 502, 503, 404, 200)
		lasts := s.r.between(20*time.Second, 110*time.Second)
		s.add(at, fmt.Sprintf("the gateway answers everything with %d, for %v", code, lasts), func() {
			w.count.fault("outage that answers")
			w.sim.Inject(simulator.Fault{For: lasts, Do: simulator.Page(code)})
		})
		s.add(at+lasts-time.Second, "", w.checkToldUnreachable)
	}
	if w.has(fToken) {
		at, lasts := s.sometime(), s.r.between(40*time.Second, 110*time.Second)
		s.add(at, "token refused for long", func() { w.count.fault("token refused for long"); w.refusing.Store(true); w.sim.SetToken("another") })
		s.add(at+lasts, "no more: token refused for long", func() { w.refusing.Store(false); w.sim.SetToken(token) })
	}
	if w.has(fCallbacks) {
		s.callbackTrouble()
	}
	if w.has(fElsewhere) {
		s.others()
	}
	if w.has(fCopies) {
		s.copies()
	}
}

// others are the organisation's other shops, and people at its portal.
func (s *script) others() {
	w := s.w
	for i := range 1 + s.r.IntN(5) {
		s.orderElsewhere(i)
	}
	for i := range 1 + s.r.IntN(5) {
		own := w.stream(fmt.Sprint("portal refund ", i))
		s.add(s.sometime()+5*time.Second, "", func() { w.portalRefund(own, "") })
	}
}

// orderElsewhere is the i-th order that another shop places.
func (s *script) orderElsewhere(i int) {
	w := s.w
	own := w.stream(fmt.Sprint("portal order ", i))
	e := simulator.Elsewhere{
		Terminal: pick(own, append([]string{"TRML9"}, w.terminals...)...), Amount: decimal.MustNew(pick(own, amounts...), 2),
		Status: pick(own, simulator.Sent, simulator.Sent, simulator.Paid, simulator.Cancelled),
	}
	s.add(s.sometime(), "", func() {
		w.count.fault("order from elsewhere")
		if _, err := w.sim.PlaceElsewhere(e); err != nil {
			w.fail("an order from elsewhere: %v", err)
		}
	})
}

// portalRefund pays back at the portal, of an order of ours or of one that is named: as much as a till of ours asks for
// more often than not.
func (w *world) portalRefund(r *draw, uuid string) {
	var paid []simulator.Order
	for _, o := range w.sim.Orders() {
		if o.Status == simulator.Paid || o.Status == simulator.PartiallyRefunded {
			if uuid == "" || o.UUID == uuid {
				paid = append(paid, o)
			}
		}
	}
	if len(paid) == 0 || w.calm.Load() {
		return
	}
	o := paid[r.IntN(len(paid))]
	all := []int64{minorOf(o.Amount), minorOf(o.Amount) / 2, 500}
	for _, m := range w.allSent() {
		if m.kind == "refunds" && m.refers == tagOf(string(o.Body)) && m.ore > 0 {
			all = append(all, m.ore, m.ore)
		}
	}
	deed := pick(r, simulator.Pay(0), simulator.Pay(r.between(0, 40*time.Second)), simulator.Decline(r.between(0, turnedDownWithin)), simulator.WalkAway())
	amount := decimal.MustNew(pick(r, all...), 2)
	if err := w.sim.RefundElsewhere(o.UUID, amount, deed); err == nil {
		w.count.fault("refund from elsewhere")
		w.note("the portal pays back %s of %s of %s: %+v", amount, o.UUID, tagOf(string(o.Body)), deed)
	}
}

// cut takes the network away right after a look-up was answered: what was read is old when it is back.
func (w *world) cut(op simulator.Operation, order string, n int) {
	where, p := "cut "+string(op)+order, 0.03
	about, waits := w.waitingFor(op, order)
	if waits {
		p = 0.4
	}
	if w.calm.Load() || w.down.Load() || !w.chance(p, where, n) {
		return
	}
	w.count.fault("cut after a look")
	back := w.between(6*time.Second, 40*time.Second, where+" back", n)
	w.later(w.between(0, 3*time.Millisecond, where+" at", n), func() {
		w.note("the network goes after %s of %s, for %v", op, order, back)
		w.setDown(true)
	})
	w.later(back/2, func() {
		switch {
		case waits && w.chance(0.6, where+" same", n):
			if w.sim.RefundElsewhere(order, decimal.MustNew(about.AmountMinor, 2), simulator.Pay(0)) == nil {
				w.note("the portal pays back what %s is about", about.ID)
				w.count.fault("refund from elsewhere")
			}
			w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Order: order, For: time.Minute, Times: 1, Do: simulator.DropBefore()})
		case w.chance(0.6, where+" refund", n):
			w.portalRefund(w.stream(where+fmt.Sprint(n)), order)
		}
	})
	w.later(back, func() { w.note("the network is back"); w.setDown(false) })
}

// waitingFor finds a refund whose turn has come, and whose order's books this call read last.
func (w *world) waitingFor(op simulator.Operation, order string) (r outbox.Request, ok bool) {
	if op != simulator.OpRefundStatus {
		return r, false
	}
	o, _ := w.sim.Order(order)
	for _, one := range w.records() {
		if one.Kind == outbox.KindRefund && one.State == outbox.StateQueued && one.AmountMinor > 0 && (one.OrderUUID == order || one.Target == tagOf(string(o.Body))) {
			if !ok || one.Seq < r.Seq {
				r, ok = one, true
			}
		}
	}
	return r, ok
}

// later does something unless it is calm by then.
func (w *world) later(d time.Duration, f func()) {
	t := time.AfterFunc(d, func() {
		if !w.calm.Load() {
			f()
		}
	})
	w.atEnd(func() { t.Stop() })
}
