package main

import (
	"context"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// largeHeap, in bytes, is that of a backlog of some ten thousand requests.
	largeHeap     = 12 << 20
	collectorPace = 5 * time.Second
)

// paceCollector keeps a large heap near the size of what is in use, on a machine that may have little memory, until ctx
// ends. Go's own pace would let a hundred thousand queued requests take twice what they need. A small heap is better
// left alone: to collect it that often costs a sixth of the processor at full speed. $GOGC overrides it all.
func paceCollector(ctx context.Context) {
	if _, set := os.LookupEnv("GOGC"); set {
		return
	}
	now := percentOf(largeHeap) // the start reads the whole backlog
	debug.SetGCPercent(now)
	tick := time.Tick(collectorPace)
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		}
		metrics.Read(live)
		if live[0].Value.Kind() != metrics.KindUint64 {
			return // a later Go may not have it
		}
		if p := percentOf(live[0].Value.Uint64()); p != now {
			now = p
			debug.SetGCPercent(p)
		}
	}
}

// percentOf returns the garbage at which a heap is collected, in percent of what was in use in it.
func percentOf(live uint64) int {
	if live >= largeHeap {
		return 50
	}
	return 100
}
