package outbox

import (
	"testing"
	"time"
)

// stepControl is a request that acts on another one.
func stepControl(kind Kind) Request {
	r := Request{ID: "till-3", Kind: kind, Terminal: "TRML1", Body: []byte(`{}`), TTL: 10 * time.Minute, Target: "till-1"}
	if kind == KindResolution {
		r.Decision = &Decision{Resolution: Abandon, By: "Kari"}
	}
	if kind == KindCancel {
		r.TTL = 0
	}
	r = NewRequest(r, stepStart)
	r.Seq = 3
	return r
}

// controlCases lists a request of such a kind in every state.
func controlCases(kind Kind) func(testing.TB) []caseRequest {
	return func(t testing.TB) []caseRequest {
		from := func(events ...Event) Request { return journey(t, stepControl(kind), events...) }
		bare := stepControl(kind)
		bare.Target, bare.OrderUUID = "", "order1"
		due := Event{Type: Due}
		done := []caseRequest{
			{"", from()},
			{"", from(due)},
			{"", from(due, Event{Type: Done})},
			{"", from(due, Event{Type: Refused, Reason: apiRefused})},
		}
		if kind != KindResolution {
			done = append(done, caseRequest{"of an order by its uuid", journey(t, bare, due)})
		}
		if kind == KindCancel {
			return append(done, caseRequest{"", journey(t, bare, due, evHold)})
		}
		if kind == KindResolution {
			judging := Event{Type: NotFound, Reason: &Reason{Code: WaitChecking, Message: "a callback named an order that is not judged yet"}}
			done = append(done, caseRequest{"behind a callback that is not judged", from(due, judging)})
		}
		return append(done, caseRequest{"after a busy answer", from(due, evBusy)},
			caseRequest{"", from(Event{Type: Expired, At: stepStart.Add(10 * time.Minute)})})
	}
}

// controlEvents lists every event, by the contents that matter beside the lanes.
func controlEvents() []caseEvent {
	var all []caseEvent
	for _, e := range EventTypes() {
		switch e {
		case Refused:
			all = append(all, caseEvent{"", Event{Type: e, Reason: apiRefused}, nil})
		case RateLimited:
			all = append(all, caseEvent{"after 40 s", Event{Type: e, RetryAfter: 40 * time.Second}, nil})
		case Expired:
			all = append(append(all, caseEvent{"too early", Event{Type: e}, nil}), ageEvents(Event{Type: e})...)
		case Due:
			all = append(append(all, caseEvent{"", Event{Type: e}, nil}), ageEvents(Event{Type: e})...)
		case StatusSeen:
			for s := StatusPending; s <= StatusRefundNone; s++ {
				if s != StatusRefundPending {
					all = append(all, caseEvent{s.String(), evStatus(s), nil})
				}
			}
		case TargetSeen:
			for _, s := range []State{StateQueued, StateInDoubt, StateAwaitingCustomer, StateCancelling, StateAwaitingApproval,
				StatePaid, StateCancelled, StateUnresolved, StateRefunded} {
				all = append(all, caseEvent{s.String(), Event{Type: e, Target: s}, nil})
			}
		case DoubtTimeout:
			all = append(all, caseEvent{"hold", evHold, nil})
		case Moved:
			all = append(all, moveEvents()...)
		default:
			all = append(all, caseEvent{"", Event{Type: e}, nil})
		}
	}
	return append(all, caseEvent{"busy means doubt", Event{Type: Expired}, func(e *Event, r Request) {
		e.At, e.Policy.BusyMeans = r.TTLFrom.Add(r.TTL), BusyDoubt
	}})
}
