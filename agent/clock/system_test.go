package clock

import (
	"testing"
	"time"
)

// handClock is a system clock whose hands the test sets.
type handClock struct {
	*System
	hands  time.Time
	up     time.Duration
	synced bool
}

func newHandClock(hands time.Time) *handClock {
	h := &handClock{hands: hands, up: time.Minute}
	h.System = &System{
		boot: "boot", wall: func() time.Time { return h.hands }, mono: func() time.Duration { return h.up },
		systemSynced: func() bool { return h.synced },
	}
	return h
}

func (h *handClock) pass(d time.Duration) { h.hands, h.up = h.hands.Add(d), h.up+d }

func TestClockIsSetRightByTheAPI(t *testing.T) {
	t.Parallel()
	right := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for _, boots := range []time.Time{time.Unix(0, 0).UTC(), time.Date(2038, 1, 19, 3, 14, 7, 0, time.UTC)} {
		h := newHandClock(boots)
		if now := h.Now(); now.Known {
			t.Fatalf("%v is taken for known", boots)
		}
		h.SawDate(right, h.hands)
		h.pass(time.Hour)
		want := right.Add(time.Hour)
		if now := h.Now(); !now.Known || !now.Time().Equal(want) {
			t.Errorf("started in %d: %v, known %t; want %v", boots.Year(), now.Time(), now.Known, want)
		}
		// Somebody sets the clock, rightly or wrongly, and no reply has come since.
		for _, set := range []time.Time{want.Add(time.Second), want.AddDate(12, 0, 0), time.Unix(0, 0).UTC()} {
			h.hands = set
			now := h.Now()
			if d := now.Time().Sub(want); !now.Known || d.Abs() > skewTolerated {
				t.Errorf("started in %d, set to %v: %v", boots.Year(), set, now.Time())
			}
		}
	}
}

// What the system calls synchronised is believed, whatever was concluded before.
func TestClockIsSetRightByTheSystem(t *testing.T) {
	t.Parallel()
	right := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	h := newHandClock(time.Unix(0, 0).UTC())
	h.SawDate(right, h.hands)
	before := h.Now()
	h.pass(10 * time.Second)
	h.hands, h.synced = right.Add(15*time.Second), true
	now := h.Now()
	if !now.Known || !now.Time().Equal(right.Add(15*time.Second)) {
		t.Errorf("%v, known %t", now.Time(), now.Known)
	}
	if age, ok := now.Since(before); !ok || age != 10*time.Second {
		t.Errorf("the jump made it %v older, %t", age, ok)
	}
}
