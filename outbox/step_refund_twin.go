package outbox

import "time"

// waitForTwin holds a refund beside one of the same order that is under way, and refuses one beside a doubtful one. The
// other one is at another terminal, whose trouble must not keep this one's queue: so it waits beside its lane. What was
// answered "busy" keeps its place, as its books are read again and again.
func (m *transition) waitForTwin() bool {
	l := m.e.Ledger
	switch {
	case l.Doubtful:
		m.end(StateRejected, &Reason{Code: CodeRefundOpen, Message: "another refund of this order may or may not have been carried out; settle that one first"})
	case l.UnderWay:
		m.behindTwin(searchAgain)
	default:
		return false
	}
	return true
}

// behindTwin has a refund wait for another one of the same order, beside its lane unless it has its place there.
func (m *transition) behindTwin(wait time.Duration) {
	if w := m.r.Waiting; w == nil || w.Code != WaitBehind {
		m.r.Waiting = m.waiting(WaitBehind, 0)
		m.r.Parked = m.r.Busy == 0
		m.changed()
	}
	m.wake(TimerRetry, wait)
}

// twinShown reports whether the books show what another refund of the same amount has paid back, as they do once they were read
// as long after it as they lag. Else they would show it later as if it were this one; so it waits beside its lane.
func (m *transition) twinShown() bool {
	b, l := m.e.Books, m.e.Ledger
	if b.NotOurs || l.TwinEnded == (Instant{}) || b.Seen.After(l.TwinEnded, m.booksLag()) || b.Seen.After(l.TwinEnded, 0) && b.refunded() >= l.done() {
		return true
	}
	m.behindTwin(min(max(m.booksLag()-m.e.At.passed(l.TwinEnded), 0), booksAgain))
	return false
}
