package outbox

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// A refund that exceeds a product is told so in the words in which the till named it, and of a productId that several
// products have, what all of them have.
func TestWhatExceedsIsToldInTheTillsWords(t *testing.T) {
	t.Parallel()
	b := stepStatement(StatusRefundNone)
	b.Products = []StatementProduct{{12, "A", 3000}, {13, "A", 3000}, {14, strings.Repeat("ø", 70), 4000}}
	for _, c := range []struct {
		lines []RefundLine
		l     Ledger
		want  string
	}{
		{[]RefundLine{{ID: 12, Minor: 3100}}, Ledger{}, "the refund is for 31.00 of product 12, of which 30.00 is left"},
		{[]RefundLine{{Line: 1, Minor: 3100}}, Ledger{}, "the refund is for 31.00 of line 1 (counted from 0), of which 30.00 is left"},
		{[]RefundLine{{ProductID: "A", Minor: 6001}}, Ledger{}, `the refund is for 60.01 of productId "A", of which 60.00 is left`},
		{[]RefundLine{{ProductID: "A", Minor: 3000}, {ProductID: "A", Minor: 3000}}, Ledger{SpentMinor: 100, Lines: map[int64]int64{13: 100}}, `the refund is for 60.00 of productId "A", of which 59.00 is left`},
		{[]RefundLine{{ProductID: strings.Repeat("ø", 70), Minor: 4001}}, Ledger{}, `the refund is for 40.01 of productId "` + strings.Repeat("ø", 64) + `…", of which 40.00 is left`},
	} {
		r := weighed(c.lines, b, c.l)
		wantState(t, r, StateRejected, CodeRefundExceeds)
		if r.Reason.Message != c.want {
			t.Errorf("%q, want %q", r.Reason.Message, c.want)
		}
	}
	r := weighed([]RefundLine{{Line: 7, Minor: 100}}, b, Ledger{})
	if wantState(t, r, StateRejected, CodeProductUnknown); !strings.Contains(r.Reason.Message, "line 7") {
		t.Error(r.Reason.Message)
	}
}

// Of a productId that several products have, a line takes from the first what that has left, and the rest from the next.
func TestAPoolIsDrawnOnInOrder(t *testing.T) {
	t.Parallel()
	b := stepStatement(StatusRefundNone)
	b.Products = []StatementProduct{{12, "A", 3000}, {13, "A", 3000}, {14, "A", 3000}}
	r := weighed([]RefundLine{{ProductID: "A", Minor: 5500}, {Line: 0, Minor: 100}}, b, Ledger{SpentMinor: 3000, Lines: map[int64]int64{13: 1000}})
	want := []RefundLine{{ID: 12, ProductID: "A", Minor: 2900}, {ID: 13, ProductID: "A", Minor: 2000, More: true}, {ID: 14, ProductID: "A", Minor: 600, More: true}, {ID: 12, ByLine: true, Minor: 100}}
	if wantState(t, r, StateSending, ""); !slices.Equal(r.Refund.Lines, want) {
		t.Errorf("%+v, want %+v", r.Refund.Lines, want)
	}
}

// What expires because of publishedAt is told so, and how far that lay back.
func TestExpiryNamesPublishedAt(t *testing.T) {
	t.Parallel()
	r := stepOrder()
	r.PublishedAt = stepStart.Add(-time.Hour).Wall
	for after, named := range map[time.Duration]bool{time.Second: true, r.TTL - time.Millisecond: true, r.TTL: false} {
		got, _ := stepAt(r, Event{Type: Expired}, stepStart.Add(after))
		wantState(t, got, StateExpired, CodeExpired)
		back := (time.Hour + after).Round(time.Second).String()
		if m := got.Reason.Message; strings.Contains(m, "publishedAt: that lay "+back+" back, and "+r.TTL.String()) != named {
			t.Errorf("after %v: %s", after, m)
		}
	}
	r.PublishedAt = 0
	if got, _ := stepAt(r, Event{Type: Expired}, stepStart.Add(time.Hour)); strings.Contains(got.Reason.Message, "publishedAt") {
		t.Error(got.Reason.Message)
	}
}
