package outbox

import (
	"testing"
	"time"
)

// TestSeenFresh: something may rest on an answer for five seconds, while the API was heard.
func TestSeenFresh(t *testing.T) {
	t.Parallel()
	now := stepStart.Add(time.Minute)
	ago := func(d time.Duration) Instant { return now.Add(-d) }
	elsewhere := now
	elsewhere.Boot, elsewhere.Known = "boot-0", false
	for name, c := range map[string]struct {
		seen Seen
		want bool
	}{
		"never asked":                 {Seen{}, false},
		"not answered":                {Seen{Begun: now}, false},
		"just now":                    {Seen{Begun: now, Answered: now}, true},
		"five seconds ago":            {Seen{Begun: ago(time.Minute), Answered: ago(5 * time.Second)}, true},
		"a millisecond more":          {Seen{Begun: ago(time.Minute), Answered: ago(5*time.Second + ms)}, false},
		"a call has failed since":     {Seen{Begun: now, Answered: now, Broken: true}, false},
		"in another boot, no clock":   {Seen{Begun: elsewhere, Answered: elsewhere}, false},
		"begun long ago, but answers": {Seen{Begun: ago(time.Hour), Answered: now}, true},
	} {
		if got := c.seen.Fresh(now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestSeenAfter: the asking counts, not the answer; and between boots whose clocks nobody knows, the time since this boot.
func TestSeenAfter(t *testing.T) {
	t.Parallel()
	event := stepStart
	blind := func(i Instant) Instant { i.Known = false; return i }
	boot2 := func(mono, wall time.Duration) Instant {
		i := event.Add(wall)
		i.Boot, i.Mono = "boot-2", mono
		return i
	}
	for name, c := range map[string]struct {
		begun Instant
		event Instant
		want  bool
	}{
		"never":                               {Instant{}, event, false},
		"at the event":                        {event, event, false},
		"before the event":                    {event.Add(-time.Hour), event, false},
		"just before the lag is over":         {event.Add(10*time.Second - ms), event, false},
		"when the lag is over":                {event.Add(10 * time.Second), event, true},
		"the same boot, clock unknown":        {blind(event.Add(10 * time.Second)), event, true},
		"another boot, by the clocks":         {boot2(time.Second, time.Minute), event, true},
		"another boot, by the clocks, before": {boot2(time.Minute, 0), event, false},
		"another boot, clock unknown, young":  {blind(boot2(9*time.Second, time.Hour)), event, false},
		"another boot, clock unknown":         {blind(boot2(10*time.Second, 0)), event, true},
		"event of a boot without a clock":     {boot2(10*time.Second, 0), blind(event), true},
	} {
		if got := (Seen{Begun: c.begun, Answered: c.begun.Add(time.Hour)}).After(c.event, 10*time.Second); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// TestHintsAreJudged holds every look at an order that a callback named.
func TestHintsAreJudged(t *testing.T) {
	t.Parallel()
	seen := func(d DetailsSeen, r ReferencesSeen, known, fits, status bool) OrderSeen {
		return OrderSeen{Details: d, References: r, AmountKnown: known, AmountFits: fits, Known: status}
	}
	for d := DetailsUnread; d <= DetailsMissing; d++ {
		for r := ReferencesNull; r <= ReferencesOther; r++ {
			for bits := range 8 {
				known, fits, status := bits&1 != 0, bits&2 != 0, bits&4 != 0
				want := hintOpen
				switch {
				case d == DetailsMissing:
					want = hintMissing
				case d == DetailsNotOurs && status:
					want = hintUnmarked
				case d != DetailsRead:
				case r == ReferencesMarked:
					want = hintMarked // whatever the amount: the mark is ours alone
				case r == ReferencesOther, r == ReferencesOwn && known && !fits:
					want = hintRefused
				case r == ReferencesOwn && known:
					want = hintUnmarked
				}
				if got := seen(d, r, known, fits, status).judge(); got != want {
					t.Errorf("details %d, references %d, amount known %v, fits %v, status known %v: %d, want %d", d, r, known, fits, status, got, want)
				}
			}
		}
	}
}
