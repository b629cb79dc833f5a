package agent_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"tillpost/outbox"
)

// hanging is an outbox on a disk that answers no more, until it is let go.
type hanging struct {
	outbox.Store

	mu     sync.Mutex
	all    chan struct{} // what every write waits for; nil: nothing
	events chan struct{} // what an event waits for
	fails  error         // what an event comes back with
}

func (h *hanging) PutBlob(ctx context.Context, name string, data []byte) error {
	h.mu.Lock()
	wait := h.all
	h.mu.Unlock()
	if wait != nil {
		<-wait
	}
	return h.Store.PutBlob(ctx, name, data)
}

func (h *hanging) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	h.mu.Lock()
	all, events, fails := h.all, h.events, h.fails
	h.mu.Unlock()
	for _, wait := range []chan struct{}{all, events} {
		if wait != nil {
			<-wait
		}
	}
	if fails != nil {
		return outbox.Request{}, nil, fails
	}
	return h.Store.Apply(ctx, seq, e)
}

func (h *hanging) set(all, events chan struct{}, fails error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all, h.events, h.fails = all, events, fails
}

const watchStep = 7 * time.Second

func progress(w *world) error {
	ctx, cancel := context.WithTimeout(w.Context(), watchStep)
	defer cancel()
	return w.a.Progress(ctx)
}

func onHanging(w *world) *hanging {
	h := &hanging{}
	w.restartOn(func(s outbox.Store) outbox.Store { h.Store = s; return h })
	return h
}

func wantProgress(w *world, want string) {
	w.Helper()
	began, said := time.Now(), ""
	if err := progress(w); err != nil {
		said = err.Error()
	}
	if said != want {
		w.Fatalf("progress: %q, want %q", said, want)
	}
	if took := time.Since(began); want == "" && took > watchStep || want != "" && took != watchStep {
		w.Errorf("it took %v", took)
	}
}

// TestProgressIsTold: what the service manager's watchdog is fed by.
func TestProgressIsTold(t *testing.T) {
	inWorld(t, "", func(w *world) {
		wantProgress(w, "")
		w.order(oslo, "o")
		w.until(time.Minute, oslo, "o", "paid")
		before := w.a
		for range 3 {
			wantProgress(w, "")
		}
		if before != w.a {
			t.Error("the agent was replaced")
		}
	})
}

func TestAnOutboxThatHangsIsNoProgress(t *testing.T) {
	inWorld(t, "", func(w *world) {
		h := onHanging(w)
		wantProgress(w, "")
		stuck := make(chan struct{})
		h.set(stuck, nil, nil)
		wantProgress(w, "the outbox does not commit")
		wantProgress(w, "the outbox does not commit")
		h.set(nil, nil, nil)
		close(stuck)
		wantProgress(w, "")
	})
}

func TestALaneThatHangsIsNoProgress(t *testing.T) {
	inWorld(t, "", func(w *world) {
		h := onHanging(w)
		stuck := make(chan struct{})
		h.set(nil, stuck, nil)
		w.order(oslo, "o")
		time.Sleep(time.Second)
		_ = progress(w) // it may have been about to be stuck
		wantProgress(w, "the lane of "+oslo+" does nothing")
		h.set(nil, nil, nil)
		close(stuck)
		wantProgress(w, "")
		w.until(time.Minute, oslo, "o", "paid")
	})
}

// A disk that refuses is tried again and again; a restart would lose what the lane holds, and mend nothing.
func TestADiskThatFailsIsNoLackOfProgress(t *testing.T) {
	inWorld(t, "", func(w *world) {
		h := onHanging(w)
		w.order(oslo, "o")
		w.until(time.Minute, oslo, "o", "awaiting_customer")
		h.set(nil, nil, outbox.ErrFailed)
		for range 5 {
			wantProgress(w, "")
		}
		h.set(nil, nil, nil)
		w.until(time.Minute, oslo, "o", "paid")
	})
}
