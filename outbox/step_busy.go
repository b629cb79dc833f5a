package outbox

import (
	"cmp"
	"time"
)

// orderMayRepeat reports whether an order that was answered "busy" may be sent again: a search that began when the list
// must have shown it by now has just come back in full without it, or there is nothing to be searched and the operator
// takes the API's word. Else it asks for that search.
func (m *transition) orderMayRepeat() bool {
	switch {
	case m.waitForLag(m.listLag()):
		return false
	case !m.searched(m.r.LastBusy()):
		m.emit(Effect{Type: Search, Mark: m.r.Mark()})
		return false
	case m.e.Search == SearchForbidden && m.e.Policy.BusyMeans == BusyDoubt:
		m.doubt(m.r.Reason)
		return false
	}
	return !m.lateToRepeat(m.listLag())
}

// lateToRepeat reports whether so little of the time to live is left that what another attempt may hide behind a busy answer
// could not be looked for before its end. Then nothing more is sent, so that the request ends expired, and not in doubt.
func (m *transition) lateToRepeat(lag time.Duration) bool {
	left, ok := m.r.LiveFor(m.e.At)
	if !ok || left > lag+freshFor {
		return false
	}
	m.wake(TimerRetry, left)
	return true
}

// waitForLag waits until the API must show what the busy answer may hide.
func (m *transition) waitForLag(lag time.Duration) bool {
	left := lag - m.e.At.passed(m.r.LastBusy())
	if left <= 0 {
		return false
	}
	m.wake(TimerRetry, left)
	return true
}

// searched reports whether the answer to a search is at hand on which something may rest, of a moment at which what
// happened at an event must show.
func (m *transition) searched(event Instant) bool {
	return m.e.Search != SearchNone && m.e.Seen.Fresh(m.e.At) && m.e.Seen.After(event, m.listLag())
}

// listLag is how long an order may be missing from the list; as long as none was measured, as long as a doubt is looked into.
func (m *transition) listLag() time.Duration { return cmp.Or(m.e.ListLag, m.e.Policy.DoubtCheck) }

// busy puts an attempt back that was called busy. It is tried again no sooner than the API must show what may have come of
// it all the same, and looked for before its time to live ends.
func (m *transition) busy(lag time.Duration) {
	m.countBusy()
	m.r.BusyAt = m.e.At
	wait := max(m.retryAfter(m.backoff()), lag)
	if left, ok := m.r.LiveFor(m.e.At); ok {
		wait = min(wait, max(left-freshFor, lag))
	}
	m.requeue(WaitBusy, wait)
}

// countBusy counts one more "busy" in a row.
func (m *transition) countBusy() {
	if m.r.Busy++; m.r.Busy == 1 {
		m.r.BusySince = m.e.At
	}
}

// notBusy forgets that an attempt was called busy or refused: it is known what came of it.
func (m *transition) notBusy() {
	m.r.Busy, m.r.BusyAt, m.r.BusySince, m.r.RefusedBusy = 0, Instant{}, Instant{}, false
}

// refundMayRepeat reports whether a refund that was answered "busy" may be sent again: the books, read when they must have
// shown it by now, show no change at all. Where they are not ours to read, the operator's word counts.
func (m *transition) refundMayRepeat() bool {
	switch {
	case m.waitForLag(m.statementLag()):
		return false
	case !m.e.Statement.Seen.After(m.r.LastBusy(), m.statementLag()):
		m.emit(Effect{Type: Search, OrderUUID: m.r.OrderUUID, Mark: m.r.Mark()})
		return false
	case !m.statementAtHand():
		return false
	case m.unchangedSince(m.r.LastBusy()):
		return !m.lateToRepeat(m.statementLag())
	}
	m.doubt(nil)
	return false
}

// clearSinceBusy reports whether nothing is known to have come of the last attempt, which was answered "busy": a search, or
// a look at the books, that began late enough after it showed nothing, or there is none and the operator takes the API's word.
// Nothing was sent since, so it may be of any age.
func (m *transition) clearSinceBusy() bool {
	if m.r.Kind != KindOrder {
		return m.unchangedSince(m.r.LastBusy())
	}
	switch m.e.Search {
	case SearchClear:
		return m.e.Seen.After(m.r.LastBusy(), m.listLag())
	case SearchForbidden:
		return m.e.Policy.BusyMeans == BusyNotCreated
	}
	return false
}
