package outboxtest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// testCourse throws events at requests of three terminals and compares the store with one in memory throughout.
func testCourse(t *testing.T, f *fixture) {
	rnd := rand.New(rand.NewPCG(7, 11)) // a repeatable course
	model := NewMem(bolt.Options{Policy: Policy})
	ctx := context.Background()
	n := uint64(0)
	for step := range 600 {
		if rnd.IntN(4) == 0 || n == 0 {
			r := Order(fmt.Sprintf("id-%d", rnd.IntN(80)), fmt.Sprintf("T%d", rnd.IntN(3)))
			got := f.add(t, r)[0]
			want, err := model.Add(ctx, r)
			if err != nil || got.Verdict != want[0].Verdict {
				t.Fatalf("step %d: Add %s: %v, want %v, %v", step, r.ID, got.Verdict, want[0].Verdict, err)
			}
			n = max(n, got.Request.Seq)
			if rnd.IntN(4) == 0 {
				moved := outbox.Event{Type: outbox.Moved, At: At(time.Duration(step) * 10 * time.Second), To: fmt.Sprintf("T%d", rnd.IntN(3)), By: "Kari"}
				f.applyAsIn(t, model, step, got.Request.Seq, moved)
			}
			continue
		}
		seq := 1 + rnd.Uint64N(n)
		e := anyEvent(rnd, seq, time.Duration(step)*10*time.Second)
		f.applyAsIn(t, model, step, seq, e)
	}
	moved := 0
	for _, c := range f.changes() {
		if c.From != "" {
			moved++
		}
	}
	if moved < 5 {
		t.Errorf("%d requests were moved", moved)
	}
}

// applyAsIn applies an event to the store and to a model of it, which must come to the same.
func (f *fixture) applyAsIn(t *testing.T, model *Mem, step int, seq uint64, e outbox.Event) {
	t.Helper()
	var turn func(outbox.Request) (outbox.Event, bool)
	if step%2 == 0 {
		turn = func(r outbox.Request) (outbox.Event, bool) { return DueEvent(r.Seq), r.Seq%3 > 0 }
	}
	got, gotFx, gotNext, gotErr := f.Release(t.Context(), seq, e, turn)
	want, wantFx, wantNext, wantErr := model.Release(t.Context(), seq, e, turn)
	for _, kind := range []error{nil, outbox.ErrLaneHeld, outbox.ErrOrderTaken, outbox.ErrMoved} {
		if errors.Is(gotErr, kind) != errors.Is(wantErr, kind) {
			t.Fatalf("step %d: %v: %v, want %v", step, e.Type, gotErr, wantErr)
		}
	}
	if len(gotFx) != len(wantFx) {
		t.Fatalf("step %d: %v: effects %v, want %v", step, e.Type, gotFx, wantFx)
	}
	Equal(t, got, want)
	Equal(t, gotNext.Request, wantNext.Request)
	for i := range 3 {
		name := fmt.Sprintf("T%d", i)
		if got, want := f.Lane(name), model.Lane(name); !reflect.DeepEqual(got, want) {
			t.Fatalf("step %d: %v: lane %+v, want %+v", step, e.Type, got, want)
		}
		if got, want := ids(f.Positions(name, 99)), ids(model.Positions(name, 99)); !slices.Equal(got, want) {
			t.Fatalf("step %d: %v: queue %v, want %v", step, e.Type, got, want)
		}
	}
}

// anyEvent is something that may happen to a request.
func anyEvent(rnd *rand.Rand, seq uint64, at time.Duration) outbox.Event {
	types := outbox.EventTypes()
	e := DueEvent(seq)
	if rnd.IntN(3) > 0 {
		e.Type = types[rnd.IntN(len(types))]
	}
	e.At = At(at)
	e.Search = outbox.SearchResult(rnd.IntN(3))
	e.Status = outbox.OrderStatus(rnd.IntN(4))
	e.To, e.By, e.Lane = fmt.Sprintf("T%d", rnd.IntN(3)), "Kari", oneOf(rnd, "", "", "", "T1")
	e.Resolution = outbox.Resolution(1 + rnd.IntN(3))
	e.Timer = outbox.TimerDoubtHold
	e.ListLag, e.StatementLag = time.Duration(rnd.IntN(2))*time.Second, time.Duration(rnd.IntN(2))*time.Second
	e.Seen = outbox.Seen{Begun: e.At, Answered: e.At, Broken: rnd.IntN(8) == 0}
	e.Order = outbox.OrderSeen{
		Details:     oneOf(rnd, outbox.DetailsUnread, outbox.DetailsRead, outbox.DetailsNotOurs, outbox.DetailsMissing),
		References:  oneOf(rnd, outbox.ReferencesNull, outbox.ReferencesMarked, outbox.ReferencesOwn, outbox.ReferencesOther),
		AmountKnown: rnd.IntN(2) == 0, AmountFits: rnd.IntN(2) == 0, Known: rnd.IntN(2) == 0,
	}
	if rnd.IntN(2) == 0 {
		e.OrderUUID = fmt.Sprintf("ORDR%d", rnd.IntN(12))
	}
	if e.Type == outbox.Refused {
		e.Reason = &outbox.Reason{Code: "refused", Errors: []outbox.FieldError{{Path: "/order", Message: "no"}}}
	}
	return e
}
