package outbox

import (
	"slices"
	"testing"
	"time"
)

// enter moves a request on by hand, as a broken machine would.
func enter(r Request, s State, at Instant) (Request, []Effect) {
	m := &transition{r: r.Clone(), e: Event{Type: Restarted, At: at}}
	m.enter(s, nil, nil)
	m.wake(TimerRetry, time.Second)
	return m.r, m.fx
}

func isPaid(e Event) bool {
	return (e.Type == StatusSeen || e.Type == Found) && e.Status == StatusPaid || e.Type == Refused && e.Reason == alreadyPd
}

// mutants are machines with one fault each.
var mutants = map[string]stepFunc{
	"a doubt returns to the queue": func(r Request, e Event) (Request, []Effect) {
		if r.State == StateInDoubt && e.Type == NotFound {
			return enter(r, StateQueued, e.At)
		}
		return Step(r, e)
	},
	"a busy terminal is tried again without a search": func(r Request, e Event) (Request, []Effect) {
		if e.Type == Due {
			e.Search = SearchClear // the machine is deceived; the checks see the event as it was
			e.Seen = Seen{Begun: e.At, Answered: e.At}
		}
		return Step(r, e)
	},
	"an answer of any age is taken as fresh": func(r Request, e Event) (Request, []Effect) {
		freshen(&e.Seen, e.At)
		return Step(r, e)
	},
	"the lag of the list is not waited for": func(r Request, e Event) (Request, []Effect) {
		e.ListLag = 1
		return Step(r, e)
	},
	"a hint is forgotten with the next state": func(r Request, e Event) (Request, []Effect) {
		after, fx := Step(r, e)
		if after.State != r.State {
			after.Hints = nil
		}
		return after, fx
	},
	"a callback is asked about once": func(r Request, e Event) (Request, []Effect) {
		after, fx := Step(r, e)
		return after, slices.DeleteFunc(fx, func(f Effect) bool { return f.Timer == TimerHint })
	},
	"a callback does not hold back what is sent again": func(r Request, e Event) (Request, []Effect) {
		if e.Type != Due || len(r.Hints) == 0 {
			return Step(r, e)
		}
		hints := r.Hints
		r.Hints = nil
		after, fx := Step(r, e)
		after.Hints = slices.Clone(hints)
		return after, fx
	},
	"a callback is believed": func(r Request, e Event) (Request, []Effect) {
		if e.Type == HintRead {
			e.Order = OrderSeen{Details: DetailsRead, References: ReferencesMarked}
		}
		return Step(r, e)
	},
	"an unmarked order is cancelled": func(r Request, e Event) (Request, []Effect) {
		was := r.Unmarked
		r.Unmarked = false
		after, fx := Step(r, e)
		if after.OrderUUID == r.OrderUUID {
			after.Unmarked = was
		}
		return after, fx
	},
	"a repeat is forgotten after its end": func(r Request, e Event) (Request, []Effect) {
		after, fx := Step(r, e)
		if after.State.Final() && !r.State.Final() {
			after.Repeated = false
		}
		return after, fx
	},
	"a refusal after a busy answer is believed": believesRefusal,
	"what was sent is moved":                    movesAnything,
	"what is not known to have been sent is told expired": func(r Request, e Event) (Request, []Effect) {
		if e.Type == Expired || e.Type == Due {
			r.Busy = 0
		}
		after, fx := Step(r, e)
		return after, fx
	},
	"a payment after the cancel is swallowed": func(r Request, e Event) (Request, []Effect) {
		if r.State == StateCancelled && isPaid(e) {
			return r.Clone(), []Effect{{Type: Ignored, Code: ignoredStale}}
		}
		return Step(r, e)
	},
	"an ambiguous answer is taken for none": func(r Request, e Event) (Request, []Effect) {
		if r.State == StateSending && e.Type == Ambiguous {
			return enter(r, StateQueued, e.At)
		}
		return Step(r, e)
	},
	"a restart forgets what was on its way": func(r Request, e Event) (Request, []Effect) {
		if r.State == StateSending && e.Type == Restarted {
			return enter(r, StateQueued, e.At)
		}
		return Step(r, e)
	},
	"a wish is kept in memory only": func(r Request, e Event) (Request, []Effect) {
		if r.State == StateSending && e.Type == CancelWanted {
			r.CancelWanted = true
			return r.Clone(), nil
		}
		return Step(r, e)
	},
	"the journal is written in place": func(r Request, e Event) (Request, []Effect) {
		after, fx := Step(r, e)
		if n := len(r.History); n > 1 && after.Revision != r.Revision {
			after.History = append(r.History[:n:n], after.History[n:]...)
			r.History[0].Code = e.Type.String()
		}
		return after, fx
	},
	"a late payment alarms with every look": func(r Request, e Event) (Request, []Effect) {
		after, fx := Step(r, e)
		if r.State == StatePaid && r.Late && isPaid(e) {
			fx = append(fx, Effect{Type: Alarm, Code: AlarmLatePayment})
		}
		return after, fx
	},
	"every attempt takes a new mark": func(r Request, e Event) (Request, []Effect) {
		if r.State == StateQueued && e.Type == Due {
			r.Fresh = true
		}
		return Step(r, e)
	},
	"a poll without an answer is the last": func(r Request, e Event) (Request, []Effect) {
		after, fx := Step(r, e)
		return after, slices.DeleteFunc(fx, func(f Effect) bool { return f.Type == WakeAt && (f.Timer == TimerPoll || f.Timer == TimerCustomer) })
	},
}

// TestMutantsAreCaught shows that the promises can be broken, and that the worlds find it.
func TestMutantsAreCaught(t *testing.T) {
	t.Parallel()
	for name, step := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(1000) {
				w := newWorld(step, dice(seed))
				if err := w.live(100); err != nil {
					t.Logf("caught in world %d: %.200v", seed, err)
					return
				}
			}
			t.Error("survived 1,000 worlds")
		})
	}
}
