package health

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent/clock"
	"tillpost/api"
)

// Two calls that were too many, with nothing between them, are a problem; when nobody calls any more, the API is asked, and it goes.
func TestTooManyCallsDoNotStandForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		problems := NewProblems()
		h := New(Options{
			Answering: &clock.Answering{}, Problems: problems, Gate: &Gate{}, Token: func() error { return nil }, Up: func(bool) {},
			Log: slog.New(slog.DiscardHandler),
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.Run(ctx, func(context.Context) api.Outcome {
				h.Saw(api.Call{Operation: api.OpListTerminals, Outcome: api.OutcomeAccepted, FromAPI: true, Replied: true, HTTPStatus: 200})
				return api.OutcomeAccepted
			}, func() time.Time { return time.Time{} })
		}()
		defer func() { cancel(); <-done }()
		for range 2 {
			h.Saw(api.Call{Operation: api.OpPaymentStatus, Outcome: api.OutcomeRateLimited, Replied: true, HTTPStatus: 429})
			time.Sleep(unreachableAfter)
		}
		if problems.Has(ProblemRateLimited) {
			t.Error("the problem stands, though the API answers")
		}
	})
}
