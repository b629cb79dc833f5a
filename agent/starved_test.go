package agent_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/outbox"
)

// brokenDisk is an outbox whose writes fail while the test says so.
type brokenDisk struct {
	outbox.Store
	broken *atomic.Bool
}

var errDisk = errors.New("input/output error")

func (b brokenDisk) Accept(ctx context.Context, as ...outbox.Arrival) ([]outbox.Added, error) {
	if b.broken.Load() {
		return nil, errDisk
	}
	return b.Store.Accept(ctx, as...)
}

func (b brokenDisk) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	if b.broken.Load() {
		return outbox.Request{}, nil, errDisk
	}
	return b.Store.Apply(ctx, seq, e)
}

// A disk that fails stops nothing for good: what the API has answered is held and written when the disk is back, what
// comes meanwhile stays with the broker, and the agent says so.
func TestBrokenDiskIsToldAndOutlived(t *testing.T) {
	var broken atomic.Bool
	inWorld(t, "", func(w *world) {
		w.restartOn(func(s outbox.Store) outbox.Store { return brokenDisk{s, &broken} })
		w.order(oslo, "begun")
		w.until(5*time.Second, oslo, "begun", "awaiting_customer")
		broken.Store(true)
		w.order(bergen, "late")
		w.untilProblem("outboxFailed")
		time.Sleep(time.Minute)
		if s := w.now(bergen, "late"); s.State != "" {
			t.Errorf("late is %+v on a broken disk", s)
		}
		if s := w.now(oslo, "begun"); s.State != "awaiting_customer" {
			t.Errorf("begun is %+v", s)
		}
		broken.Store(false)
		w.until(20*time.Second, oslo, "begun", "paid")
		w.until(30*time.Second, bergen, "late", "paid")
		if !w.eventually(10*time.Second, func() bool { _, p := w.agentState(); return !slices.Contains(p, "outboxFailed") }) {
			t.Error("the problem stays")
		}
		if n := w.creates(); n != 2 {
			t.Errorf("%d creates", n)
		}
	})
}
