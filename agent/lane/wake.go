package lane

import (
	"tillpost/outbox"
)

// wake has a lane check whether something can be started.
func (ls *Lanes) wake(terminal string) {
	l := ls.lane(terminal)
	l.do(func() { l.moved = true })
}

// WakeAll does so for every lane, after something that holds all of them changed.
func (ls *Lanes) WakeAll() {
	ls.each(func(l *lane) { l.do(func() { l.moved = true }) })
}

// lagMeasured wakes every request that waits until the API must show what came of a busy answer: the wait may be shorter.
func (ls *Lanes) lagMeasured() {
	ls.each(func(l *lane) {
		l.do(func() {
			r, err := l.o.Store.Get(l.o.Store.Lane(l.terminal).Head)
			if err != nil || r.Busy == 0 {
				return
			}
			l.moved = l.stopTimer(r.Seq, outbox.TimerRetry) || l.moved
		})
	})
}
