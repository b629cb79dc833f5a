package main

import (
	"context"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

func TestPercentOf(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 100, largeHeap - 1: 100, largeHeap: 50, 1 << 40: 50} {
		if got := percentOf(live); got != want {
			t.Errorf("a heap of %d bytes is collected at %d %%", live, got)
		}
	}
}

// TestPaceCollector is alone: the pace is the whole process's.
func TestPaceCollector(t *testing.T) {
	t.Setenv("GOGC", "70")
	before := debug.SetGCPercent(70)
	defer debug.SetGCPercent(before)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		paceCollector(ctx)
		if ctx.Err() != nil {
			t.Error("it paces although GOGC is set")
		}
	})
	if got := debug.SetGCPercent(70); got != 70 {
		t.Errorf("GOGC is 70, the pace %d", got)
	}
}
