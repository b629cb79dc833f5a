package chaos_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/internal/proctest"
	"tillpost/outbox"
)

type stepFunc = func(outbox.Request, outbox.Event) (outbox.Request, []outbox.Effect)

// mutants are agents with one fault each: most have a broken state machine, some misread the API's replies, one has a
// broken bus. Those that stand for what was seen on real networks are in worlds_test.go.
var mutants = map[string]options{
	"a doubt returns to the queue": {step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		if r.Kind == outbox.KindOrder && r.State == outbox.StateInDoubt && e.Type == outbox.NotFound {
			return requeue(r, e)
		}
		return outbox.Step(r, e)
	}},
	"an unclear answer is taken for none": {step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		if r.State == outbox.StateSending && r.Kind.Laned() && e.Type == outbox.Ambiguous {
			return requeue(r, e)
		}
		return outbox.Step(r, e)
	}},
	"a restart forgets what was on its way": {step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		if r.State == outbox.StateSending && r.Kind.Laned() && e.Type == outbox.Restarted {
			return requeue(r, e)
		}
		return outbox.Step(r, e)
	}},
	"a busy terminal is tried again without a search": {step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		after, fx := outbox.Step(r, e)
		if r.Kind == outbox.KindOrder && e.Type == outbox.Busy {
			after.Busy, after.BusyAt = 0, outbox.Instant{}
		}
		return after, fx
	}},
	"a payment after the end is swallowed": {step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		after, fx := outbox.Step(r, e)
		if r.State.Final() && r.State != outbox.StatePaid && after.State == outbox.StatePaid {
			return r, []outbox.Effect{{Type: outbox.Ignored}}
		}
		return after, fx
	}},
	"a refund in doubt returns to the queue": {step: func(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
		if r.Kind == outbox.KindRefund && e.Type == outbox.StatementSeen && r.State == outbox.StateInDoubt {
			return requeue(r, e)
		}
		return outbox.Step(r, e)
	}},
	"a message is acknowledged before it is written": {ackFirst: true},
	"a first turn that is on disk is not sent":       {dropsFirst: true},
	"a turn made with another's end is not sent":     {dropsNext: true},
}

// requeue moves a request back by hand, as a broken machine would.
func requeue(r outbox.Request, e outbox.Event) (outbox.Request, []outbox.Effect) {
	r.State, r.Entered, r.Waiting, r.Busy = outbox.StateQueued, e.At, nil, 0
	r.Revision++
	r.History = append(slices.Clone(r.History), outbox.Entry{Revision: r.Revision, At: e.At, State: r.State, Event: e.Type.String()})
	return r, []outbox.Effect{{Type: outbox.Publish}, {Type: outbox.WakeAt, Timer: outbox.TimerRetry, After: time.Second}}
}

// mutantsDieWithin is how many schedules each fault has to be found in.
const mutantsDieWithin = 1000

// TestMutantsAreCaught shows that the promises can be broken, and that the schedules find it.
func TestMutantsAreCaught(t *testing.T) {
	if proctest.Race {
		t.Skip("what is wrong with them is no race; they take most of a minute then")
	}
	for name, o := range mutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o.count, o.dir = newCounters(), t.TempDir()
			caught(t, o, "")
		})
	}
	for name, m := range worldMutants {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m.o.count, m.o.dir = newCounters(), t.TempDir()
			caught(t, m.o, m.by)
		})
	}
}

// caught runs schedules until one fails as it has to.
func caught(t *testing.T, o options, by string) {
	t.Helper()
	for seed := range uint64(mutantsDieWithin) {
		r := run(t, seed+1, o)
		if i := slices.IndexFunc(r.failures, func(f string) bool { return strings.Contains(f, by) }); i >= 0 {
			t.Logf("caught by schedule %d: %s", seed+1, r.failures[i])
			return
		}
	}
	t.Errorf("survived %d schedules", mutantsDieWithin)
}
