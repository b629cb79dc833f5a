package lane

import (
	"errors"
	"time"

	"tillpost/agent/health"
	"tillpost/outbox"
)

// errUnheard says that an event has to wait, as a newer copy of this outbox may have sent what it would end as never sent.
var errUnheard = errors.New("what a newer copy of the outbox did is not known, or not on disk")

// unheard reports that the broker was not asked yet for what a newer copy of this outbox may have told, or that there is one, and
// what is open here is not in doubt on disk yet: that it is queued here proves nothing.
func (ls *Lanes) unheard() bool {
	return ls.o.Gate.IsShut(health.GateReadingRetained) || ls.o.Gate.IsShut(health.GateDoubting)
}

// tooEarly reports whether an event would start a queued request, or may end it as never sent, while a newer copy is unheard.
func (l *lane) tooEarly(seq uint64, e outbox.Event) bool {
	switch e.Type {
	case outbox.Due, outbox.Expired, outbox.CancelWanted, outbox.Restarted:
	default:
		return false
	}
	if !l.unheard() {
		return false
	}
	r, err := l.o.Store.Get(seq)
	return err == nil && r.Kind.Laned() && r.State == outbox.StateQueued
}

// putOff brings an event again that came too early.
func (l *lane) putOff(seq uint64, e outbox.Event) {
	switch e.Type {
	case outbox.Due:
		l.wakeAt(seq, outbox.TimerRetry, expireAgain, false)
	case outbox.Expired:
		l.expiries.set(seq, expireAgain)
	default:
		time.AfterFunc(expireAgain, func() { l.post(seq, e) })
	}
}
