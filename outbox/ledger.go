package outbox

import (
	"cmp"
	"math"
)

// Ledger is what the outbox knows of the other refunds and approvals of the same order, in whatever lane, at the moment
// of the event. The Store reads it inside the transaction.
type Ledger struct {
	// Order is the request whose order it is, nil where none of ours placed it, or its record is gone.
	Order *LedgerOrder
	// SpentMinor counts everything that is not known not to have happened; Lines the same by product number.
	SpentMinor int64
	Lines      map[int64]int64
	// Done lists the amounts in SpentMinor that were paid back for sure, Open the others.
	Done, Open []int64
	// Denied lists the amounts of those that were sent, and ended declined or cancelled: the statement may list them too.
	// DeniedLast is when the last of them ended, zero if there is none: a statement from before it shows it under way.
	Denied     []int64
	DeniedLast Instant
	// UnderWay: another refund is sending, awaiting its end or being cancelled; Doubtful: one is in doubt or unresolved.
	UnderWay bool
	Doubtful bool
	// MayRefund and MayDeny: the order's refund status may have become REFUNDED or REJECTED by another one since this one
	// was sent. SameAmount counts what of the same amount others may have entered in the order's statement since then.
	MayRefund, MayDeny bool
	SameAmount         int
	// SameAmountEnded is when another refund of the same amount, or an unknown one, was last paid back; zero if none was.
	SameAmountEnded Instant
}

// LedgerOrder is the order that is paid back.
type LedgerOrder struct {
	State       State
	OrderUUID   string
	AmountMinor int64
}

// Spends reports whether a refund or approval counts against its order: everything that may have happened does. What a
// person gave up does not, nor what a person had sent again and the API then refused: the person decided so.
func (r Request) Spends() bool {
	if r.Kind != KindRefund && r.Kind != KindApproval {
		return false
	}
	switch r.State {
	case StateSending, StateInDoubt, StateAwaitingRefund, StateAwaitingApproval, StateCancelling,
		StateRefunded, StateSubmitted, StateUnresolved:
		return true
	case StateQueued:
		return r.Busy > 0 // a busy answer may hide a refund that was carried out
	}
	return false
}

// done is what other refunds of ours have paid back for sure.
func (l *Ledger) done() (sum int64) {
	for _, ore := range l.Done {
		sum = addMinor(sum, ore)
	}
	return sum
}

// Count adds another refund or approval of the order to the ledger as r sees it.
func (l *Ledger) Count(other, r Request) {
	l.countEnds(other, r)
	alike := r.AmountMinor == 0 || other.AmountMinor == 0 || other.AmountMinor == r.AmountMinor
	if alike && other.State == StateRefunded {
		l.SameAmountEnded = later(l.SameAmountEnded, other.Entered) // the statement may show it as if it were r
	}
	if other.Attempts > 0 && (other.State == StateDeclined || other.State == StateCancelled) {
		l.Denied = append(l.Denied, other.AmountMinor)
		l.DeniedLast = later(l.DeniedLast, other.Entered)
	}
	if !other.Spends() {
		return
	}
	ore := cmp.Or(other.AmountMinor, math.MaxInt64) // 0: all that was left, from a copy of the outbox older than the computation
	l.SpentMinor = addMinor(l.SpentMinor, ore)
	if other.State == StateRefunded {
		l.Done = append(l.Done, ore)
	} else {
		l.Open = append(l.Open, ore)
	}
	l.countLines(other)
	if other.Kind != KindRefund {
		return
	}
	switch other.State {
	case StateSending, StateAwaitingRefund, StateCancelling:
		l.UnderWay = true
	case StateInDoubt, StateUnresolved:
		l.Doubtful = true
	}
}

func (l *Ledger) countLines(other Request) {
	if other.Refund == nil {
		return
	}
	for _, line := range other.Refund.Lines {
		if line.ID == 0 {
			continue
		}
		if l.Lines == nil {
			l.Lines = map[int64]int64{}
		}
		l.Lines[line.ID] = addMinor(l.Lines[line.ID], line.Minor)
	}
}

// countEnds notes what another refund may have done to the order's refund status and statement since r was sent. What
// is known to have ended before that did nothing since.
func (l *Ledger) countEnds(other, r Request) {
	refunds, denies := other.Spends(), other.Spends()
	switch other.State {
	case StateRefunded:
		refunds, denies = !other.endedBefore(r), false
	case StateDeclined, StateCancelled:
		denies = other.Attempts > 0 && !other.endedBefore(r)
	}
	l.MayRefund = l.MayRefund || refunds
	l.MayDeny = l.MayDeny || denies
	if refunds && (other.AmountMinor == r.AmountMinor || other.AmountMinor == 0) {
		l.SameAmount += max(len(other.Submissions), 1) // what a person had sent again may have been carried out each time
	}
}

// endedBefore reports whether a final request is known to have ended before another was last sent.
func (r Request) endedBefore(other Request) bool {
	n := len(other.Submissions)
	if n == 0 {
		return true
	}
	after, ok := r.Entered.Since(other.Submissions[n-1].At)
	return ok && after == 0
}

// addMinor adds amounts that are not negative; what does not fit is the most there is.
func addMinor(a, b int64) int64 {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
