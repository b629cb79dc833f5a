package outbox

import (
	"cmp"
	"time"
)

// orderMayRepeat reports whether an order that was answered "busy" may be sent again: a search that began when the list
// must have shown it by now came back in full without it, or searching is not permitted and BusyMeans is
// BusyNotCreated. Otherwise it asks for that search.
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

// lateToRepeat reports whether too little of the time to live is left to search for what another attempt may hide
// behind a busy answer. Then nothing more is sent, so that the request ends expired, and not in doubt.
func (m *transition) lateToRepeat(lag time.Duration) bool {
	left, ok := m.r.LiveFor(m.e.At)
	if !ok || left > lag+freshFor {
		return false
	}
	m.wake(TimerRetry, left)
	return true
}

// waitForLag waits until the API must show what the last busy answer may hide. It returns true while it waits.
func (m *transition) waitForLag(lag time.Duration) bool {
	left := lag - m.e.At.passed(m.r.LastBusy())
	if left <= 0 {
		return false
	}
	m.wake(TimerRetry, left)
	return true
}

// searched reports whether the event brings a fresh search, begun when the list must have shown what came of another.
func (m *transition) searched(event Instant) bool {
	return m.e.Search != SearchNone && m.e.Seen.Fresh(m.e.At) && m.e.Seen.After(event, m.listLag())
}

// listLag is how long an order may be missing from the list; doubt_check as long as that was not measured.
func (m *transition) listLag() time.Duration { return cmp.Or(m.e.ListLag, m.e.Policy.DoubtCheck) }

// busy puts back an attempt that was answered "busy". The next one comes no sooner than the API must show what this one
// may have done all the same, and in time for that search before the time to live ends.
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

// notBusy clears that an attempt was called busy or refused: its outcome is known.
func (m *transition) notBusy() {
	m.r.Busy, m.r.BusyAt, m.r.BusySince, m.r.RefusedBusy = 0, Instant{}, Instant{}, false
}

// refundMayRepeat reports whether a refund that was answered "busy" may be sent again: a statement that was read when
// it must have shown the refund by now shows no change at all. Where it is not ours to read, BusyMeans decides.
func (m *transition) refundMayRepeat() bool {
	switch {
	case m.waitForLag(m.statementLag()):
		return false
	case !m.e.Statement.Seen.After(m.r.LastBusy(), m.statementLag()):
		m.emit(Effect{Type: Search, OrderUUID: m.r.OrderUUID, Mark: m.r.Mark()})
		return false
	case !m.statementAtHand():
		return false
	case m.e.Statement.Readable && !m.e.Statement.StatusRead:
		m.waitForStatement() // that the API does not tell the status is no leave
		return false
	case m.unchangedSince(m.r.LastBusy()):
		return !m.lateToRepeat(m.statementLag())
	}
	m.doubt(nil)
	return false
}

// clearSinceBusy reports whether nothing came of the last attempt, which was answered "busy": a search, or a statement,
// that began late enough after it showed nothing, or none is permitted and BusyMeans is BusyNotCreated. Nothing was
// sent since, so the evidence may be of any age.
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
