package outbox

import (
	"errors"
	"slices"
	"testing"
)

var evMoved = Event{Type: Moved, To: "TRML2", Number: 7, By: "Kari"}

// moveEvents lists the ways in which a request may be moved.
func moveEvents() []caseEvent {
	back := evMoved
	back.To = "TRML1"
	return []caseEvent{{"to another terminal", evMoved, nil}, {"to the terminal of its arrival", back, nil}}
}

// movableCases are queued requests that were tried, or moved, and of which no byte ever left.
func movableCases(t testing.TB, r Request, due Event) []caseRequest {
	return []caseRequest{
		{"not a byte of it left", journey(t, r, due, Event{Type: Unavailable})},
		{"moved here", journey(t, r, evMoved)},
	}
}

// checkMoved: only a person's word moves a request, and only one of which no byte ever left; it goes nowhere else in the same
// step.
func checkMoved(tr *trace, before Request, e Event, after Request, _ []Effect) error {
	if before.State == StateSending && after.State != StateSending && e.Type != Unavailable || before.State == StateInDoubt || tr.restored || len(before.Hints) > 0 {
		tr.left = true
	}
	switch moved := after.Terminal != before.Terminal; {
	case moved != (after.Moved != before.Moved):
		return errors.New("a move without its number, or a number without its move")
	case !moved:
		return nil
	case e.Type != Moved || after.Terminal != e.To || after.Moved != e.Number:
		return errors.New("moved by itself, or elsewhere")
	case before.State != StateQueued || after.State != StateQueued || tr.left:
		return errors.New("moved, though something of it may have left")
	case after.Arrival() != before.Arrival() || !slices.Contains(after.Terminals(), before.Terminal) || !slices.Contains(after.Terminals(), after.Terminal):
		return errors.New("forgotten where it is told of")
	case after.History[len(after.History)-1].By != e.By || after.History[len(after.History)-1].To != e.To:
		return errors.New("not kept who moved it, and where to")
	}
	return nil
}

// movesAnything is a machine that moves a queued request, whatever became of it before.
func movesAnything(r Request, e Event) (Request, []Effect) {
	if e.Type != Moved || r.State != StateQueued || e.To == r.Terminal {
		return Step(r, e)
	}
	attempts := r.Attempts
	r.Attempts, r.Unsent, r.Hints, r.Settled, r.CancelWanted = 0, 0, nil, nil, false
	after, fx := Step(r, e)
	after.Attempts = attempts
	return after, fx
}

func TestMoves(t *testing.T) {
	t.Parallel()
	to := func(terminal string, number uint64) Event {
		return Event{Type: Moved, To: terminal, Number: number, By: "Kari"}
	}
	r := stepOrder()
	for i, c := range []struct {
		to        string
		terminals []string
	}{
		{"TRML2", []string{"TRML1", "TRML2"}},
		{"TRML3", []string{"TRML1", "TRML2", "TRML3"}},
		{"TRML2", []string{"TRML1", "TRML2", "TRML3"}},
		{"TRML1", []string{"TRML1", "TRML2", "TRML3"}},
	} {
		number := uint64(10 + i)
		r = journey(t, r, to(c.to, number))
		if r.Terminal != c.to || r.Turn() != number || r.Arrival() != "TRML1" || !slices.Equal(r.Terminals(), c.terminals) {
			t.Fatalf("move %d: at %s, turn %d, arrived at %s, told at %q", i, r.Terminal, r.Turn(), r.Arrival(), r.Terminals())
		}
	}
	if r.TTLFrom != stepStart || r.Revision != 5 {
		t.Errorf("revision %d, its time to live runs from %v", r.Revision, r.TTLFrom)
	}
	tried := journey(t, stepOrder(), evDue, Event{Type: Unavailable}, evDue, evBusy)
	if tried.NeverSent() {
		t.Error("what was answered busy was never sent")
	}
	resubmitted := journey(t, AfterRestore(stepOrder(), stepStart), Event{Type: Resolved, Resolution: Resubmit, Search: SearchClear, By: "Kari", At: stepStart.Add(stepPolicy().DoubtHold / 2)})
	if resubmitted.State != StateQueued || resubmitted.NeverSent() {
		t.Errorf("%v, never sent: %v; a newer copy of the outbox may have sent it", resubmitted.State, resubmitted.NeverSent())
	}
}
