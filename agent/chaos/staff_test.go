package chaos_test

import (
	"fmt"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
)

func decimalOf(n int) decimal.Decimal { return decimal.MustNew(int64(n), 0) }

// staff is a person who looks at the screen, and may decide on what is in doubt.
func (s *script) staff(at time.Duration) {
	own := s.w.stream(fmt.Sprint("staff ", len(s.steps)))
	s.add(at, "", func() { s.w.decide(own) })
}

func (w *world) decide(r *draw) {
	for _, m := range w.allSent() {
		now, ok := w.statusOf(m.terminal, m.id)
		if !ok || now.State != "in_doubt" && now.State != "unresolved" || !r.chance(0.25) {
			continue
		}
		w.mu.Lock()
		n := len(w.tills.sent)
		w.mu.Unlock()
		d := sent{id: fmt.Sprint("d", n), kind: "resolutions", terminal: now.Terminal, refers: m.id, outcome: pick(r, "adopt", "resubmit", "resubmit", "abandon")}
		extra := ""
		if d.outcome == "adopt" {
			uuid := w.orderToAdopt(r, m)
			if uuid == "" {
				d.outcome = "abandon"
			} else {
				extra = fmt.Sprintf(`,"orderUuid":%q`, uuid)
			}
		}
		if r.chance(0.3) {
			extra += fmt.Sprintf(`,"revision":%d`, now.Revision)
		}
		d.payload = fmt.Sprintf(`{"requestId":%q,"target":%q,"outcome":%q,"by":"Ola"%s}`, d.id, m.id, d.outcome, extra)
		w.say(d)
	}
}

// orderToAdopt returns what a person reads off the terminal or out of the back office: mostly the right order.
func (w *world) orderToAdopt(r *draw, m sent) string {
	orders := w.sim.Orders()
	if m.kind == "refunds" || m.kind == "approvals" {
		now, _ := w.statusOf(m.terminal, m.id)
		return now.OrderUUID
	}
	var others []simulator.Order
	for _, o := range orders {
		if tagOf(string(o.Body)) == m.id {
			return o.UUID
		}
		others = append(others, o)
	}
	if len(others) > 0 && r.chance(0.3) {
		return others[r.IntN(len(others))].UUID
	}
	return ""
}
