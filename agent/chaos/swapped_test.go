package chaos_test

import (
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

// Two refunds of ours of one amount may be told for each other only by the status of another till's, before the books show ours.
func TestOnlyAnotherTillsStatusSwapsTwoRefunds(t *testing.T) {
	start := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		turnedDown  outbox.State
		foreign     simulator.RefundStatus
		begun, told time.Duration
		entries     int
		want        bool
	}{
		"told by another till's":      {outbox.StateDeclined, simulator.RefundRejected, 16 * time.Second, 18 * time.Second, 0, true},
		"another till's was done":     {outbox.StateDeclined, simulator.RefundDone, 16 * time.Second, 18 * time.Second, 0, false},
		"another till's began after":  {outbox.StateDeclined, simulator.RefundRejected, 20 * time.Second, 18 * time.Second, 0, false},
		"another till's was before":   {outbox.StateDeclined, simulator.RefundRejected, -time.Second, 18 * time.Second, 0, false},
		"the books showed ours":       {outbox.StateDeclined, simulator.RefundRejected, 16 * time.Second, time.Minute, 0, false},
		"told expired":                {outbox.StateExpired, simulator.RefundRejected, 16 * time.Second, 18 * time.Second, 0, false},
		"the other one's was refused": {outbox.StateDeclined, simulator.RefundRejected, 16 * time.Second, 18 * time.Second, 1, false},
	} {
		w := &world{sentAt: map[string]time.Time{"a": start}, endedAt: map[string]time.Time{"a": start.Add(c.told)}}
		w.lag.History = 21 * time.Second
		o := simulator.Order{Refunds: []simulator.Refund{
			{Amount: decimal.MustParse("21.00"), Status: simulator.RefundDone, At: start},
			{Amount: decimal.MustParse("5.00"), Status: c.foreign, At: start.Add(c.begun), Body: []byte(`{"placedBy":"portal"}`)},
		}}
		a := &wish{r: outbox.Request{ID: "a", AmountMinor: 2100, State: c.turnedDown}, done: 1, entries: 1}
		b := &wish{r: outbox.Request{ID: "b", AmountMinor: 2100, State: outbox.StateRefunded, Submissions: make([]outbox.Submission, 1)}, entries: c.entries}
		wishes := map[string]*wish{"a": a, "b": b}
		if w.swapped(o, wishes, a) != c.want || w.swapped(o, wishes, b) != c.want {
			t.Errorf("%s: taken for each other is not %t", name, c.want)
		}
	}
}
