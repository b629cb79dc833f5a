package soak

import (
	"context"
	"fmt"
	"time"

	"tillpost/api/simulator"
)

// sale is an order that a till may have more to do with.
type sale struct {
	r       *request
	at      time.Time
	cancel  time.Duration // when its customer asks to be let off; 0 is never
	control string        // a check or a resend that it still gets
	refund  bool
}

// trade is a till's day: an order every few seconds, its customers, and what comes after.
func (d *day) trade(ctx context.Context, t *till) {
	var sales []sale
	for n := 1; sleep(ctx, d.chance.between(dayPace*2/3, dayPace*4/3)); n++ {
		if t.waiting() > 20 {
			continue // the broker is away, and the queue at the counter long enough
		}
		id := fmt.Sprintf("%s-%05d", t.terminal, n)
		s := sale{r: newOrder(t.terminal, id, n, d.Today(), int64(100+d.chance.below(199_900))), at: time.Now(), refund: d.chance.chance(120)}
		d.Must(d.Sim.SetCustomer(t.terminal, d.customer(&s)))
		t.put(s.r)
		sales = append(sales, s)
		kept := sales[:0]
		for _, s := range sales {
			if d.after(t, &s) {
				kept = append(kept, s)
			}
		}
		sales = kept
	}
}

// customer is who comes to the till. That it is the one who came for this order holds only where no queue stands.
func (d *day) customer(s *sale) simulator.Customer {
	quick := d.chance.between(300*time.Millisecond, 1500*time.Millisecond)
	switch roll := d.chance.below(100); {
	case roll < 85:
		return simulator.Pay(quick)
	case roll < 93:
		return simulator.Decline(quick)
	case roll < 97:
		s.cancel = d.chance.between(time.Second, 6*time.Second)
		return simulator.WalkAway()
	case roll < 99:
		s.control = "check"
		return simulator.Pay(5 * time.Second)
	default:
		s.control = "resend"
		return simulator.WalkAway()
	}
}

// after does what the till still has to do with a sale, and reports whether there may be more.
func (d *day) after(t *till, s *sale) bool {
	now := d.books.now(s.r.id)
	switch {
	case now.State == "paid" && s.refund:
		whole, part := s.r.amount, s.r.amount
		if d.chance.chance(500) {
			part = 1 + int64(d.chance.below(int(whole)))
		}
		t.put(newRefund(*s.r, s.r.id+"-refund", part, d.chance.chance(300)))
		return false
	case now.Final:
		return false
	case s.cancel > 0 && time.Since(s.at) > s.cancel:
		s.cancel = 0
		t.put(newControl("cancel", t.terminal, s.r.id+"-cancel", s.r.id))
	case s.control != "" && now.State == "awaiting_customer":
		t.put(newControl(s.control, t.terminal, s.r.id+"-"+s.control, s.r.id))
		s.control = ""
	}
	return true
}

// staff decides what the agent asks a person for, by the API's books.
func (d *day) staff(ctx context.Context) {
	busyWith := map[string]*decision{}
	for sleep(ctx, 500*time.Millisecond) {
		d.books.each(func(r request) {
			if !needsStaff(r.told) {
				return
			}
			s := busyWith[r.id]
			if s == nil {
				s = &decision{next: time.Now().Add(d.chance.between(time.Second, 3*time.Second))}
				busyWith[r.id] = s
			}
			if time.Now().Before(s.next) {
				return
			}
			s.next, s.asked = time.Now().Add(5*time.Second), s.asked+1
			outcome, uuid := d.decide(r, s.asked)
			d.books.staffed(r.id)
			id := fmt.Sprintf("%s-resolve-%d", r.id, s.asked)
			d.tillOf(r.terminal).put(newResolution(r.terminal, id, r.id, outcome, uuid))
		})
	}
}

// decision is what a person has to do with a request.
type decision struct {
	next  time.Time
	asked int
}

// decide decides by the books: what is there is adopted, what is not is resubmitted or abandoned.
func (d *day) decide(r request, asked int) (outcome, uuid string) {
	there := ""
	if r.kind == "order" {
		for _, o := range d.Sim.OrdersByReference(r.id) {
			there = o.UUID
		}
	} else if o, ok := d.Sim.Order(d.books.now(r.target).OrderUUID); ok {
		for _, f := range o.Refunds { // a sale has one at most
			if f.Status != simulator.RefundRejected {
				there = o.UUID
			}
		}
	}
	switch {
	case there != "" && r.kind == "order":
		return "adopt", there
	case there != "":
		return "adopt", ""
	case asked > 3 || d.chance.chance(300):
		return "abandon", ""
	default:
		return "resubmit", ""
	}
}

func (d *day) tillOf(terminal string) *till {
	for _, t := range d.tills {
		if t.terminal == terminal {
			return t
		}
	}
	panic("a request of no till: " + terminal)
}
