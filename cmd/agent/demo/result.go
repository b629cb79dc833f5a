package demo

import (
	"fmt"

	"tillpost/api/simulator"
	"tillpost/internal/money"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// expected is how a request has to end.
type expected struct {
	id    string
	kind  mqtt.Kind
	state string
	code  string      // of the reason; "" is any or none
	minor money.Minor // the amount that moves if it ends paid or refunded

	topic   string
	payload []byte
}

// tally counts requests or orders, and their money in øre.
type tally struct {
	n     int
	minor money.Minor
}

// tallies are by final state.
type tallies map[string]tally

func (t tallies) add(state string, amount money.Minor) {
	sum := t[state]
	t[state] = tally{sum.n + 1, sum.minor + amount}
}

// result counts the day by the till's statuses, by the simulator's books and by the metrics.
type result struct {
	told, booked tallies // by the statuses; in the books
	metrics      finished
	twice        int // orders beyond the one that a sale may have
	open         int // requests without an end
	faults       []string
}

func (v *result) fault(format string, args ...any) {
	v.faults = append(v.faults, fmt.Sprintf(format, args...))
}

// evaluate compares the statuses of each request with what was expected, and all of them with the books and the
// metrics. It finds a fault for everything that does not agree.
func evaluate(script []expected, told map[string]message.Status, books []simulator.Order, counted finished) result {
	v := result{told: tallies{}, booked: tallies{}, metrics: counted}
	byReference := map[string][]simulator.Order{}
	for _, o := range books {
		for _, ref := range o.References {
			byReference[ref] = append(byReference[ref], o)
		}
	}
	known := map[string]bool{}
	refunds := map[string]money.Minor{} // by order
	for _, e := range script {
		s := told[e.id]
		v.checkEnding(e, s)
		switch {
		case e.kind == mqtt.KindOrder:
			v.checkOrder(e, s, byReference[e.id])
			for _, o := range byReference[e.id] {
				known[o.UUID] = true
			}
		case s.State == "refunded":
			refunds[s.OrderUUID] += e.minor
		}
	}
	for _, o := range books {
		v.checkBook(o, known[o.UUID], refunds[o.UUID])
	}
	v.compareSums()
	return v
}

// checkEnding checks a request by its statuses.
func (v *result) checkEnding(e expected, s message.Status) {
	switch {
	case s.State == "":
		v.open++
		v.fault("nothing was ever told of %s", e.id)
	case !s.Final:
		v.open++
		v.fault("%s has not ended: it is %s", e.id, s.State)
	case s.State != e.state:
		v.fault("%s ended %s, not %s", e.id, s.State, e.state)
	case e.code != "" && (s.Reason == nil || s.Reason.Code != e.code):
		v.fault("%s ended %s for another reason than %s", e.id, s.State, e.code)
	case s.Late:
		v.fault("%s was told late", e.id)
	}
	amount := money.Minor(0)
	if s.Amount != nil {
		amount = minorOf(s.Amount.Value)
	}
	v.told.add(s.State, amount)
	if (s.State == "paid" || s.State == "refunded") && amount != e.minor {
		v.fault("%s moved %s, not %s", e.id, amount, e.minor)
	}
}

// checkOrder checks a sale by the orders that have its id: exactly one, which is the one of its status.
func (v *result) checkOrder(e expected, s message.Status, orders []simulator.Order) {
	v.twice += max(len(orders)-1, 0)
	if len(orders) != 1 {
		v.fault("Front Payment has %d orders for %s", len(orders), e.id)
		return
	}
	o := orders[0]
	if o.UUID != s.OrderUUID {
		v.fault("%s is order %s at Front Payment, but was told to be %s", e.id, o.UUID, s.OrderUUID)
	}
	if got := minorOf(o.Amount.String()); got != e.minor {
		v.fault("%s is %s at Front Payment, not %s", e.id, got, e.minor)
	}
	if paid := !o.PaidAt.IsZero(); paid != (s.State == "paid") {
		v.fault("%s was told %s, but is %s at Front Payment", e.id, s.State, o.Status)
	}
}

// checkBook counts an order of the simulator's, and checks what was paid back of it.
func (v *result) checkBook(o simulator.Order, known bool, refunded money.Minor) {
	if !known {
		v.fault("Front Payment has the order %s, which nobody placed", o.UUID)
	}
	amount := minorOf(o.Amount.String())
	switch {
	case !o.PaidAt.IsZero():
		v.booked.add("paid", amount)
	case o.Declined:
		v.booked.add("declined", amount)
	case o.Status == simulator.Cancelled:
		v.booked.add("cancelled", amount)
	}
	sum := money.Minor(0)
	for _, r := range o.Refunds {
		if r.Status == simulator.RefundDone {
			amount := minorOf(r.Amount.String())
			v.booked.add("refunded", amount)
			sum += amount
		}
	}
	if sum != refunded {
		v.fault("of order %s %s were paid back, but %s were told", o.UUID, sum, refunded)
	}
}

// compareSums adds a fault for each of the three that differs.
func (v *result) compareSums() {
	for _, r := range v.rows() {
		if r.told != r.booked {
			v.fault("%s: the till heard of %d (%s), Front Payment has %d (%s)", r.name, r.told.n, r.told.minor, r.booked.n, r.booked.minor)
		}
		if r.told.n != r.metric {
			v.fault("%s: the till heard of %d, the metrics count %d", r.name, r.told.n, r.metric)
		}
	}
}

// minorOf returns an amount in øre; -1 for one that can't be read, which no other equals.
func minorOf(text string) money.Minor {
	if m, ok := money.Parse(text); ok {
		return m
	}
	return -1
}
