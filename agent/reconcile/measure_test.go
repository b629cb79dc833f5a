package reconcile

import (
	"testing"
	"testing/synctest"
	"time"
)

// A reply that came late came who knows how long after what it reports: measured from it, a list that lags would seem not to.
func TestALateWordMakesNoLagShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for took, want := range map[time.Duration]time.Duration{
			0:                       0,
			time.Second:             0,
			2300 * time.Millisecond: 2300 * time.Millisecond,
			5 * time.Second:         5 * time.Second,
		} {
			begun := time.Now().Add(-took)
			if ago := time.Since(MeasureFrom(begun)); ago != want {
				t.Errorf("after a call of %v the word counts as %v old, want %v", took, ago, want)
			}
		}
		if word := MeasureFrom(time.Now().Add(-6 * time.Second)); !word.IsZero() {
			t.Errorf("a lag is measured from %v", word)
		}
	})
}
