package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/outbox/bolt"
)

// TestTheWatchdogIsFedByProgressOnly looks just before and just at a step.
func TestTheWatchdogIsFedByProgressOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var hangs atomic.Bool
		var fed atomic.Int32
		progress := func(ctx context.Context) error {
			if !hangs.Load() {
				return nil
			}
			<-ctx.Done()
			return errors.New("the outbox does not commit")
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			feed(ctx, 7*time.Second, progress, func() { fed.Add(1) }, slog.New(slog.NewTextHandler(&log, nil)))
		}()
		synctest.Wait()
		if fed.Load() != 1 {
			t.Fatalf("at the start it is fed %d times", fed.Load())
		}
		time.Sleep(7*time.Second - time.Nanosecond)
		synctest.Wait()
		if fed.Load() != 1 {
			t.Fatalf("before the step it is fed %d times", fed.Load())
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if fed.Load() != 2 {
			t.Fatalf("at the step it is fed %d times", fed.Load())
		}
		hangs.Store(true)
		time.Sleep(time.Minute)
		synctest.Wait()
		if fed.Load() != 2 {
			t.Fatalf("without progress it is fed %d times", fed.Load())
		}
		if n := strings.Count(log.String(), "no progress"); n != 1 {
			t.Errorf("it is logged %d times:\n%s", n, &log)
		}
		hangs.Store(false)
		time.Sleep(14 * time.Second)
		synctest.Wait()
		if fed.Load() < 3 {
			t.Error("with progress again it is not fed")
		}
		cancel()
		<-done
	})
}

func TestOnlyDamageIsMetCalmly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		calm time.Duration
	}{
		{&bolt.DamagedError{Path: "outbox.db", Found: "it is cut off"}, calmFor},
		{&bolt.OpenError{Path: "outbox.db", Err: bolt.ErrMissing}, calmFor},
		{&bolt.OpenError{Path: "outbox.db", Err: bolt.ErrNewerFormat}, calmFor},
		{&bolt.OpenError{Path: "outbox.db", Err: bolt.ErrLocked}, 0},
		{errors.New("the port is taken"), 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			stayCalm(t.Context(), c.err, calmFor, slog.New(slog.DiscardHandler))
			if took := time.Since(began); took != c.calm {
				t.Errorf("after %v it waits for %v, not %v", c.err, took, c.calm)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			stayCalm(ctx, c.err, calmFor, slog.New(slog.DiscardHandler)) // a stop is not kept waiting
			if took := time.Since(began); took != c.calm {
				t.Errorf("after a stop it waits for %v", took)
			}
		})
	}
}
