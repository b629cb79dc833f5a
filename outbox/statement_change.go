package outbox

import "slices"

// statementChange says what of a refund became visible between two readings of a statement.
type statementChange uint8

const (
	changeUnknown statementChange = iota // not readable, or nothing to compare with
	changeNone
	changeDone    // a refund of exactly this amount is done
	changePending // a refund of exactly this amount is there
	changeOther   // something else changed; it proves nothing either way
)

// statementChangeSince compares a statement with that of before the submission; of ours, denied were turned down.
func statementChangeSince(before *Statement, now Statement, amount int64, denied []int64) statementChange {
	if before == nil {
		return changeUnknown
	}
	moved := before.StatusRead && now.StatusRead && before.Status != now.Status
	if !before.Readable || !now.Readable {
		if moved {
			return changeOther
		}
		return changeUnknown
	}
	c := compareEntries(*before, now, denied)
	c.explain(denied)
	grown := now.refunded() - before.refunded() - c.completed
	// One of the same amount that was under way before, and still seems to be: nobody can say which of the two is done.
	ambiguous := !before.noneUnderWay(denied) && slices.Contains(c.kept, StatementEntry{Minor: amount})
	one := len(c.fresh) == 1 && c.fresh[0].Minor == amount && (grown == 0 || grown == amount)
	switch {
	case c.gone:
		return changeOther
	case len(c.fresh) == 0 && grown == amount && !ambiguous:
		return changeDone
	case one && grown == amount && !ambiguous:
		return changeDone
	case c.carriedOut(amount) > 0 && !ambiguous:
		return changeDone // whatever others did besides, and what of theirs was turned down or is under way
	case one:
		return changePending
	case grown != 0 || len(c.fresh) > 0 || c.completed > 0 || moved:
		return changeOther
	case before.StatusRead != now.StatusRead:
		return changeUnknown // not in full
	}
	return changeNone
}

// paidBackSince counts the refunds of exactly an amount that a statement shows as carried out since the statement
// before the submission, whatever else it shows.
func paidBackSince(before *Statement, now Statement, amount int64, denied []int64) int {
	if before == nil || !before.Readable || !now.Readable {
		return 0
	}
	return compareEntries(*before, now, denied).carriedOut(amount)
}

// entryChange is what became of the refunds in a payment history.
type entryChange struct {
	kept, fresh []StatementEntry
	// completed adds up what was under way and is done now; gone: one is there no more.
	completed int64
	gone      bool
}

// explain removes from what is new the refunds of ours that were turned down: the statement may list them only now.
func (c *entryChange) explain(denied []int64) {
	kept := slices.Clone(c.kept)
	for _, ore := range denied {
		var found bool
		if kept, found = without(kept, StatementEntry{Minor: ore}); !found {
			c.fresh, _ = without(c.fresh, StatementEntry{Minor: ore})
		}
	}
}

// carriedOut counts the new refunds of an amount that are done.
func (c entryChange) carriedOut(amount int64) (n int) {
	for _, e := range c.fresh {
		if e == (StatementEntry{Minor: amount, Done: true}) {
			n++
		}
	}
	return n
}

func compareEntries(before, now Statement, denied []int64) entryChange {
	var c entryChange
	settled := before.noneUnderWay(denied)
	rest := slices.Clone(before.Entries)
	take := func(e StatementEntry) (found bool) {
		rest, found = without(rest, e)
		return found
	}
	var others []StatementEntry
	for _, e := range now.Entries {
		if take(e) {
			c.kept = append(c.kept, e)
		} else {
			others = append(others, e)
		}
	}
	for _, e := range others {
		if e.Done && !settled && take(StatementEntry{Minor: e.Minor}) {
			c.completed = addMinor(c.completed, e.Minor)
		} else {
			c.fresh = append(c.fresh, e)
		}
	}
	c.gone = len(rest) > 0
	return c
}
