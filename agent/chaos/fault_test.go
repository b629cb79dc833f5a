package chaos_test

import (
	"strings"
	"sync/atomic"
	"time"

	"tillpost/api/simulator"
)

// arrival is a call that may create something, as it came to the API.
type arrival struct {
	op  simulator.Operation
	tag string // the requestId behind it
}

// arrive counts a call on a subject, and notes what may create something.
func (w *world) arrive(op simulator.Operation, order, subject, body string) int {
	w.count.calls.Add(1)
	if op == simulator.OpCancel && strings.Contains(body, `"payment"`) {
		w.cancels(order)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := string(op) + " " + subject
	w.calls[key]++
	n := w.calls[key]
	if submits(op) {
		w.submitted(op, order, tagOf(body))
		w.arrivals = append(w.arrivals, arrival{op: op, tag: tagOf(body)})
		w.noteLocked("the API gets %s of %s, number %d", op, tagOf(body), n)
	}
	if w.o.trace {
		w.noteLocked("call %s %s", op, subject)
	}
	return n
}

// faultFor draws what befalls a call. Nothing here makes the API lie: a reply may be lost, late, unreadable, or a
// refusal that came before anything was done.
func (w *world) faultFor(op simulator.Operation, order, subject string, n int) (f simulator.Fault, is bool) {
	where := "fault " + string(op) + subject
	if w.calm.Load() || !w.chance(w.faultRate, where, n) {
		return f, false
	}
	menu := w.menus.of(op, w.mayHide(op))
	i := int(w.roll(where+" kind", n) % uint64(len(menu)))
	f.Do = menu[i].do
	switch f.Do.Kind {
	case simulator.KindDelay:
		if f.Do.WaitReply > 0 {
			f.Do.WaitReply = w.between(100*time.Millisecond, longestDelay, where+" wait", n)
		} else {
			f.Do.Wait = w.between(100*time.Millisecond, longestDelay, where+" wait", n)
		}
	case simulator.KindContradict:
		if op != simulator.OpCreate {
			f.Do.Message = "" // it names no order, so another message than a success's would make it a refusal of what was done
		}
	case simulator.KindRateLimited:
		f.Do.RetryAfter = w.between(time.Second, 8*time.Second, where+" wait", n)
	}
	w.count.fault(menu[i].name)
	w.note("fault: %s befalls %s %s", menu[i].name, op, subject)
	return f, true
}

// mayHide reports whether a terminal may be called busy though the call was carried out. Where the API does not let us
// search, that can't be told from a real refusal, and the operator chooses which to assume.
func (w *world) mayHide(op simulator.Operation) bool {
	return op != simulator.OpApproval && (w.lookups == simulator.LookupsShown && !w.marksHidden || w.lookups == simulator.LookupsForbidden && w.busyDoubt)
}

// longestDelay is how late a call may act or answer: beyond the client's patience, and well within doubt_check.
const longestDelay = 12 * time.Second

type namedFault struct {
	name string
	do   simulator.Action
}

var (
	reads = []namedFault{
		{"connection lost before acting", simulator.DropBefore()},
		{"reply lost after acting", simulator.DropAfter()},
		{"half a reply", simulator.HalfReply()},
		{"reply late", simulator.DelayReply(1)},
		{"server error", simulator.Status(502, "<html>bad gateway</html>")},
		{"server error", simulator.Refuse(510, "Execution Exception Occurred", "somethingWentWrong")},
		{"garbage", simulator.Unreadable(simulator.GarbageHTML)},
		{"garbage", simulator.Unreadable(simulator.GarbageInvalidJSON)},
		{"garbage", simulator.Unreadable(simulator.GarbageEmpty)},
		{"rate limited", simulator.RateLimited(1)},
		{"unauthorized", simulator.Unauthorized()},
		{"HTTP 200 whatever is in it", simulator.Under200()},
	}
	cancels = append(append([]namedFault{}, reads...), namedFault{"busy", simulator.BusyReply()},
		namedFault{"acts late", simulator.Delay(1)}, namedFault{"acts late", simulator.Delay(1)})
	writes = append(append([]namedFault{}, reads...),
		namedFault{"connection lost before acting", simulator.DropBefore()},
		namedFault{"reply lost after acting", simulator.DropAfter()},
		namedFault{"reply lost after acting", simulator.DropAfter()},
		namedFault{"acts late", simulator.Delay(1)},
		namedFault{"acts late", simulator.Delay(1)},
		namedFault{"busy", simulator.BusyReply()},
		namedFault{"busy", simulator.BusyReply()},
		namedFault{"redirect", simulator.Redirect(307)},
		namedFault{"refused", simulator.Refuse(400, "Conflict of Business Logic", "orderProductsNotFound")},
		namedFault{"refused", simulator.Refuse(417, "Validation Error", "Kari Nordmann (customer@email.com, +47 46567468) is not welcome")},
		namedFault{"refused", simulator.Status(403, "{}")},
		namedFault{"refused without the API's envelope", simulator.Status(404, "<html>not found</html>")},
	)
	writesAndHides = append(append([]namedFault{}, writes...),
		namedFault{"busy, but carried out", simulator.BusyButCreated()},
		namedFault{"busy, but carried out", simulator.BusyButCreated()},
		namedFault{"busy, but carried out", simulator.BusyButCreated()},
	)
)

// counters add up over all schedules of a run.
type counters struct {
	schedules, onFile, lives, deliveries, calls, commits, straight, handed, messages, callbacks atomic.Int64
	deaths                                                                                      map[site]*atomic.Int64
	faults                                                                                      map[string]*atomic.Int64
	ends                                                                                        map[string]*atomic.Int64
}

// faultNames are what the counters know of.
var faultNames = []string{
	"disk full", "commit uncertain", "outage", "API hangs", "token refused", "broker cut", "broker stopped",
	"broker lost its memory", "broker withholds acknowledgements", "terminal busy", "terminal gone", "clock jumps", "clock unknown", "late payment",
	"another till's order", "another till's refund", "restart in order", "callback drop_before", "callback delay", "callback repeat", "callback forged",
	"status not told", "page for a while", "outage that answers", "token refused for long", "order from elsewhere", "refund from elsewhere",
	"cut after a look", "older copy put back", "moved", "paused",
}

func (c *counters) fault(name string) { c.faults[name].Add(1) }

func newCounters() *counters {
	c := &counters{deaths: map[site]*atomic.Int64{}, faults: map[string]*atomic.Int64{}, ends: map[string]*atomic.Int64{}}
	for _, s := range sites {
		c.deaths[s] = &atomic.Int64{}
	}
	for _, name := range faultNames {
		c.faults[name] = &atomic.Int64{}
	}
	for _, menu := range [][]namedFault{writesAndHides, pages, contradictions, naming} {
		for _, f := range menu {
			c.faults[f.name] = &atomic.Int64{}
		}
	}
	for _, end := range endNames {
		c.ends[end] = &atomic.Int64{}
	}
	return c
}
