package health

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent/clock"
	"tillpost/api"
)

// nothing waits for an answer.
func nothing() time.Time { return time.Time{} }

// probed runs a Health whose probes all fail, with a jitter, beside what others do and wait for, for a while from a first failure on.
// It returns when it asked, counted from then.
func probed(t *testing.T, jitter float64, lasts time.Duration, waits func() time.Time, others func(h *Health)) (at []time.Duration) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := New(Options{
			Answering: &clock.Answering{}, Problems: NewProblems(), Gate: &Gate{}, Token: func() error { return nil }, Up: func(bool) {},
			Log: slog.New(slog.DiscardHandler), Rand: func() float64 { return jitter },
		})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		time.Sleep(time.Hour)
		began := time.Now()
		running.Go(func() {
			h.Run(ctx, func(context.Context) api.Outcome {
				at = append(at, time.Since(began))
				h.Saw(api.Call{Operation: api.OpListTerminals, Outcome: api.OutcomeUnavailable})
				return api.OutcomeUnavailable
			}, waits)
		})
		synctest.Wait()
		h.Saw(api.Call{Operation: api.OpPaymentStatus, Outcome: api.OutcomeUnavailable})
		if others != nil {
			running.Go(func() {
				for ctx.Err() == nil {
					time.Sleep(2*time.Second + time.Millisecond)
					others(h)
				}
			})
		}
		time.Sleep(lasts)
		cancel()
		running.Wait()
	})
	return at
}

// TestProbesAreNotInStep: what fails for a thousand shops in one moment is looked into at once by each, and then by one after the other.
func TestProbesAreNotInStep(t *testing.T) {
	t.Parallel()
	for jitter, second := range map[float64]time.Duration{0: 5 * time.Second, 0.5: 3 * time.Second, 0.99: 2 * time.Second} {
		at := probed(t, jitter, 12*time.Second, nothing, nil)
		if len(at) < 3 || at[0] != 0 || at[1] != second || at[2] != second+heartbeatEvery {
			t.Errorf("with a jitter of %v it asks at %v, want %v second", jitter, at, second)
		}
	}
}

// TestNobodyProbesBesideOthers: a search, or a lane that dials, shows as well that the API does not answer.
func TestNobodyProbesBesideOthers(t *testing.T) {
	t.Parallel()
	at := probed(t, 0, time.Minute, nothing, func(h *Health) {
		h.Saw(api.Call{Operation: api.OpOrderStatuses, Outcome: api.OutcomeAmbiguous, Replied: true, HTTPStatus: 502})
	})
	if len(at) != 1 {
		t.Errorf("it asks at %v, though others do", at)
	}
}

// TestNobodyProbesBesideACallUnderWay: a search that comes every five seconds asks before its answer does, but one that hangs proves
// nothing new.
func TestNobodyProbesBesideACallUnderWay(t *testing.T) {
	t.Parallel()
	for waits, want := range map[time.Duration]int{0: 1, heartbeatEvery - time.Millisecond: 1, heartbeatEvery: 12} {
		at := probed(t, 0, time.Minute-time.Millisecond, func() time.Time { return time.Now().Add(-waits) }, nil)
		if len(at) != want {
			t.Errorf("beside a call that has waited for %v it asks at %v, want %d times", waits, at, want)
		}
	}
}
