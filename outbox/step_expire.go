package outbox

import (
	"fmt"
	"time"
)

// expireIfDue ends a request that is too old, or whose age nobody can know any more, once the clock is right.
func (m *transition) expireIfDue() bool {
	if !m.e.At.Known {
		return false
	}
	left, ok := m.r.LiveFor(m.e.At)
	switch {
	case ok && left > 0:
		return false
	case m.r.Kind.Laned() && (len(m.r.Hints) > 0 || m.r.Busy > 0 && !m.clearSinceBusy()):
		m.doubt(nil) // it may have been carried out behind the busy answer
	case m.r.Kind == KindResolution && m.r.Reason != nil:
		m.end(StateRejected, m.r.Reason)
	case !ok:
		m.end(StateExpired, &Reason{Code: CodeAgeUnknown, Message: "accepted before a restart, while the clock was not known; its age can't be told, so it was not sent"})
	default:
		m.end(StateExpired, m.r.expiry(m.e.At))
	}
	return true
}

// waitForClock holds back a request whose age is not known, or seems too high, while the clock may be wrong.
func (m *transition) waitForClock() bool {
	if left, ok := m.r.LiveFor(m.e.At); m.e.At.Known || ok && left > 0 {
		return false
	}
	m.emit(Effect{Type: Publish, Waiting: m.waiting(WaitClockUnknown, clockRetry)})
	m.wake(TimerRetry, clockRetry)
	return true
}

// expireTimer sets the end of the time to live. While the age is not known it fires again and again, so that the
// request ends as soon as the clock is right.
func (m *transition) expireTimer() {
	left, ok := m.r.LiveFor(m.e.At)
	if !ok {
		left = expireRetry
	}
	m.wake(TimerExpire, left)
}

// expiry is why a request ends whose time to live is over, since its acceptance or since the till says it was made.
func (r Request) expiry(at Instant) *Reason {
	reason := &Reason{Code: CodeExpired, Message: "not sent within its time to live"}
	if age, ok := at.Since(r.TTLFrom); r.PublishedAt == 0 || !ok || age >= r.TTL {
		return reason
	}
	back := millis(at.Wall - r.PublishedAt).Round(time.Second)
	reason.Message += fmt.Sprintf(", which counts from publishedAt: that lay %v back, and %v are allowed; a till whose clock may be wrong leaves publishedAt out", back, r.TTL)
	return reason
}
