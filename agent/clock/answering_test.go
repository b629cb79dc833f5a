package clock

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A deadline runs while the API answers, and only its last hour asks for that.
func TestDeadlinesWaitForTheAPIsWord(t *testing.T) {
	for _, d := range []time.Duration{time.Minute, time.Hour, 45 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			a := &Answering{}
			var end atomic.Int64
			fired := func() time.Duration { return time.Duration(end.Load()) }
			begun := time.Now()
			al := a.After(d, true, func() { end.Store(int64(time.Since(begun))) })
			asked := d - min(d, time.Hour)
			if asked > 0 {
				time.Sleep(asked - 1)
				if n := a.Deadlines(); n != 0 {
					t.Errorf("%v: %d deadlines ask for the API's word %v before the end", d, n, d-asked)
				}
				time.Sleep(time.Nanosecond)
			}
			synctest.Wait()
			if n := a.Deadlines(); n != 1 {
				t.Errorf("%v: %d deadlines ask for the API's word", d, n)
			}
			time.Sleep(24 * time.Hour) // the API is away
			if fired() != 0 {
				t.Fatalf("%v: fired after %v without a word of the API", d, fired())
			}
			for range 1000 {
				a.SawReply() // counts for ten seconds
				time.Sleep(5 * time.Second)
				if fired() != 0 {
					break
				}
			}
			want := asked + 24*time.Hour + (d - asked)
			if got := fired(); got < want || got > want+5*time.Second {
				t.Errorf("%v: fired after %v, want %v", d, got, want)
			}
			if n := a.Deadlines(); n != 0 || al.Stop() {
				t.Errorf("%v: %d deadlines go on", d, n)
			}
		})
	}
}

func TestAStoppedDeadlineAsksForNothing(t *testing.T) {
	for _, after := range []time.Duration{time.Second, 90 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			a := &Answering{}
			al := a.After(2*time.Hour, true, func() { t.Error("fired") })
			time.Sleep(after)
			if !al.Stop() || al.Stop() {
				t.Error("an alarm is stopped once")
			}
			time.Sleep(24 * time.Hour)
			if n := a.Deadlines(); n != 0 {
				t.Errorf("%d deadlines go on", n)
			}
		})
	}
}
