package outbox

import (
	"cmp"
	"time"
)

// control runs the life of a control request: a cancel, resend, check or resolution. It is about another request (Target) or
// a bare order uuid, waits in no lane, is sending once it is carried out, and ends done, rejected or expired.
func (m *transition) control() {
	switch {
	case m.r.State == StateQueued:
		m.controlQueued()
	case m.r.State == StateSending:
		m.controlSending()
	case m.e.Type == CheckWanted:
		m.emit(Effect{Type: Publish})
	case m.e.Type != Restarted:
		m.ignore(ignoredStale)
	}
}

func (m *transition) controlQueued() {
	switch m.e.Type {
	case Due:
		if m.r.Kind != KindCancel && (m.expireIfDue() || m.waitForClock()) {
			return
		}
		m.r.Attempts++
		m.enter(StateSending, nil, nil)
		m.startControl()
	case CancelWanted:
		m.ignore(ignoredPair)
	case Expired:
		if m.r.Kind != KindCancel {
			m.queuedCommon()
		}
	case Restarted:
		if m.r.Kind == KindCancel || !m.expireIfDue() {
			m.wake(TimerRetry, 0)
			if m.r.Kind != KindCancel {
				m.expireTimer()
			}
		}
	default:
		m.queuedCommon()
	}
}

// controlEffects carry control requests out.
var controlEffects = map[Kind]EffectType{KindCancel: SendCancel, KindResend: SendResend, KindCheck: Query, KindResolution: Settle}

// startControl asks for the effect that carries the request out.
func (m *transition) startControl() {
	m.boundCancel()
	m.emit(Effect{Type: controlEffects[m.r.Kind], OrderUUID: m.r.OrderUUID, Target: m.r.Target})
}

// boundCancel limits a cancel of a bare order, which has no time to live, and no target whose end ends it.
func (m *transition) boundCancel() {
	if m.r.Kind == KindCancel && m.r.Target == "" {
		m.wakeAnswering(TimerDoubtHold, m.e.Policy.DoubtHold)
	}
}

func (m *transition) controlSending() {
	switch m.e.Type {
	case Done:
		m.end(StateDone, m.e.Reason)
	case StatusSeen:
		m.controlStatus()
	case DoubtTimeout:
		if m.r.Kind != KindCancel || m.r.Target != "" {
			m.ignore(ignoredStale)
			return
		}
		m.end(StateExpired, &Reason{Code: CodeExpired, Message: "the API answers, but never said that it was cancelled; look at the terminal"})
	case TargetSeen:
		m.controlTargetSeen()
	case Refused:
		m.end(StateRejected, m.e.Reason)
	case Busy:
		if m.r.Kind == KindCancel { // nothing of it is written, so nothing is counted
			m.retryLater(WaitBusy, searchRetry)
			return
		}
		m.countBusy()
		m.retryLater(WaitBusy, m.backoff())
	case Unavailable:
		m.retryLater(WaitAPIUnreachable, m.retryDelay())
	case RateLimited:
		m.retryLater(WaitRateLimited, searchRetry)
	case Unauthorized:
		m.boundCancel() // a new token has its own chance
		m.retryLater(WaitUnauthorized, searchRetry)
	case Ambiguous:
		m.retryLater(WaitAPIError, searchRetry)
	case NotFound:
		// A resubmission has to wait until doubt_check has passed, for a search that answers in full, or until an order that
		// a callback named is judged; then Reason says so.
		m.retryLater(WaitChecking, cmp.Or(m.e.RetryAfter, searchRetry))
	case Restarted:
		m.startControl()
	case Expired:
		m.wake(TimerExpire, expireRetry)
	case CheckWanted:
		m.emit(Effect{Type: Publish})
	default:
		m.ignore(ignoredPair)
	}
}

// controlStatus takes the status of a bare order: it answers a check, and ends a cancel once it is final.
func (m *transition) controlStatus() {
	why := &Reason{Code: m.e.Status.String(), Message: "the API says " + m.e.Status.String()}
	switch {
	case m.r.Kind == KindCheck:
		m.end(StateDone, why)
	case m.r.Kind != KindCancel:
		m.ignore(ignoredPair)
	case m.e.Status == StatusCancelled, m.e.Status == StatusDeclined, m.e.Status == StatusRefundDenied:
		m.end(StateDone, why)
	case m.e.Status == StatusPaid, m.e.Status == StatusRefunded:
		m.end(StateRejected, why)
	default:
		m.retryLater(WaitChecking, searchRetry)
	}
}

// retryLater tries again later. All of these may be repeated without harm: a cancel of what is cancelled, a resend, a
// question. A cancel stays sending, which costs no writes; the others go back to the queue, so that they can expire.
func (m *transition) retryLater(code string, after time.Duration) {
	after = m.retryAfter(after)
	if m.r.Kind == KindCancel {
		m.emit(Effect{Type: Publish, Waiting: m.waiting(code, after)})
		m.wake(TimerCancel, after)
		return
	}
	var why *Reason
	if m.e.Type == NotFound {
		why = m.e.Reason
	}
	m.enter(StateQueued, m.waiting(code, after), why)
	m.wake(TimerRetry, after)
	m.expireTimer()
}

// controlTargetSeen takes the state of the target: it ends a cancel once the target has ended, rejects a resend, as
// there is nothing to show, and answers a check.
func (m *transition) controlTargetSeen() {
	state := m.e.Target
	ended := &Reason{Code: state.String(), Message: "the request is " + state.String()}
	switch {
	case m.r.Kind == KindCheck:
		m.end(StateDone, ended)
	case m.r.Kind == KindCancel && state == StateCancelled:
		m.end(StateDone, nil)
	case m.r.Kind == KindCancel && !state.Final() && state != StateAwaitingApproval:
		// The target was asked to cancel; its end will be reported.
	default:
		m.end(StateRejected, ended)
	}
}
