package outbox

import "time"

// attempt counts another attempt. It begins submission s, unless it repeats the last one after a busy answer.
func (m *transition) attempt(s Submission) (fresh bool) {
	r := &m.r
	r.Attempts++
	r.Repeated = r.Repeated || r.Busy > 0
	if fresh = len(r.Submissions) == 0 || r.Fresh; fresh {
		r.Submissions = append(r.Submissions, s)
		r.Fresh, r.Busy, r.BusyAt, r.BusySince = false, 0, Instant{}, Instant{}
	}
	r.Submissions[len(r.Submissions)-1].At = m.e.At
	return fresh
}

// requeue puts an attempt back that certainly was not carried out. A cancel that waited for this outcome is carried out
// now, as the next turn may be long in coming; unless a busy answer may hide an order.
func (m *transition) requeue(code string, after time.Duration) {
	m.notSent()
	if m.e.Type == Unavailable {
		m.r.Unsent++
	}
	if m.r.CancelWanted && m.r.Busy == 0 {
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.enter(StateQueued, m.waiting(code, after), nil)
	m.wake(TimerRetry, after)
	m.expireTimer()
}

// queuedCommon handles the events that mean the same to every queued request, whatever its kind.
func (m *transition) queuedCommon() {
	switch m.e.Type {
	case Expired:
		if !m.expireIfDue() {
			left, _ := m.r.LiveFor(m.e.At)
			m.wake(TimerExpire, max(left, expireRetry))
		}
	case CheckWanted:
		m.emit(Effect{Type: Publish})
	case Moved:
		m.moveToTerminal()
	case Restarted:
		if !m.expireIfDue() {
			m.expireTimer()
		}
	case Refused:
		m.end(StateRejected, m.e.Reason)
	case Unavailable, RateLimited, Unauthorized, Ambiguous:
		m.wake(TimerRetry, m.retryAfter(searchRetry))
	default:
		m.ignore(ignoredPair)
	}
}

// cancelQueued cancels on the spot; where a busy answer may hide what was carried out, a look at the API comes first.
func (m *transition) cancelQueued() {
	if m.r.Busy == 0 {
		m.noteCancel()
		m.end(StateCancelled, m.cancelReason())
		return
	}
	m.deferCancel()
	m.wake(TimerRetry, 0)
}

// sendingCommon handles what means the same to all that is being sent; lag is how long the API may not show what it did.
func (m *transition) sendingCommon(lag time.Duration) {
	switch m.e.Type {
	case Busy:
		m.busy(lag)
	case Unavailable:
		m.requeue(WaitAPIUnreachable, m.retryAfter(0))
	case RateLimited:
		m.requeue(WaitRateLimited, m.retryAfter(m.e.Policy.BusyBackoffMin))
	case Unauthorized:
		m.requeue(WaitUnauthorized, m.retryAfter(0))
	case Ambiguous, Restarted:
		m.doubt(m.e.Reason)
	case CancelWanted:
		m.deferCancel()
	case CheckWanted:
		m.emit(Effect{Type: Publish})
	default:
		m.ignore(ignoredPair)
	}
}

// AsksFirst reports whether Due, with what e brings, asks the API for something instead of starting an attempt: for an
// order after a busy answer, or one that a callback may have found, and for every refund.
func (r Request) AsksFirst(e Event) bool {
	m := &transition{r: r, e: e}
	switch {
	case r.Kind == KindOrder:
		return len(r.Hints) > 0 || r.Busy > 0 && !m.searched(r.LastBusy())
	case r.Refund == nil:
		return false
	}
	b := e.Statement
	return !b.Seen.Fresh(e.At) || !b.Readable && !b.NotOurs || r.Busy > 0 && !b.Seen.After(r.LastBusy(), m.statementLag())
}

// moveToTerminal puts a request of which no byte ever left at the end of another terminal's queue, to wait for nothing.
func (m *transition) moveToTerminal() {
	r := &m.r
	if !r.Kind.Laned() || !r.NeverSent() || r.CancelWanted || m.e.To == "" || m.e.To == r.Terminal {
		m.ignore(ignoredStale)
		return
	}
	r.Earlier = r.Terminals()
	r.Terminal, r.Moved = m.e.To, m.e.Number
	m.enter(StateQueued, nil, nil)
	m.expireTimer()
}
