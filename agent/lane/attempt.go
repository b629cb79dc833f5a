package lane

import (
	"time"

	"tillpost/agent/publish"
	"tillpost/outbox"
)

const (
	// positionsTold is how many positions of a queue are published when it moves up.
	positionsTold = 20
	positionsPace = time.Second
)

// advance starts what can be started at this terminal now.
func (l *lane) advance() {
	if l.stopping() {
		return
	}
	at := l.o.Store.Lane(l.terminal)
	l.tellPositions(at)
	l.noteBehind(at.Holder != 0 && at.Head != 0)
	if at.Holder != 0 || at.Head == 0 {
		l.show(outbox.Request{})
		if at.Holder != 0 {
			l.dropConn()
		}
		return
	}
	paused, later := l.o.Pauses.Of(l.terminal) != nil, l.known(at.Head).timers[outbox.TimerRetry] != nil
	if later && !paused {
		return
	}
	r, err := l.o.Store.Get(at.Head)
	if err != nil {
		l.o.Log.Error("the head of a lane can't be read", "terminal", l.terminal, "seq", at.Head, "err", err)
		l.wakeAt(at.Head, outbox.TimerRetry, storeAgain, false)
		return
	}
	if paused && !r.CancelWanted { // a cancel starts nothing
		l.waits(r, outbox.WaitPaused, 0)
		return
	}
	if later {
		return
	}
	if code, shut := l.o.Gate.Holds(); shut {
		if code != "" {
			l.waits(r, code, 0)
		}
		return
	}
	if !l.o.Directory.Has(l.terminal) {
		l.apply(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{
			Code: outbox.CodeUnknownTerminal, Message: "the API does not have this terminal; it has: " + l.o.Directory.Known()}})
		return
	}
	l.attempt(r)
}

// attempt brings the head of the lane to its submission: a search if it needs one, a connection, then Due.
func (l *lane) attempt(r outbox.Request) {
	if r.CancelWanted && r.Busy == 0 {
		l.apply(r.Seq, outbox.Event{Type: outbox.CancelWanted}) // nothing is on its way
		return
	}
	if l.asksFirst(r) {
		return
	}
	if !l.hasConn() {
		conn := l.o.Gateway.Spare()
		if conn == nil {
			l.dial()
			return
		}
		l.keepConn(spareConn(conn))
	}
	executors[r.Kind].due(l, r)
}

// asksFirst has the state machine ask for the evidence that an attempt needs, and reports whether it is still missing.
func (l *lane) asksFirst(r outbox.Request) bool {
	e := l.event(outbox.Due, r.Seq)
	l.stamp(&e)
	if !r.AsksFirst(e) {
		return false
	}
	if l.known(r.Seq).calls[call{effect: outbox.Search}] == nil {
		l.apply(r.Seq, e)
	}
	return true
}

// waits publishes, without a write, why the head of the lane does not move.
func (l *lane) waits(r outbox.Request, code string, next time.Duration) {
	if now, err := l.o.Store.Get(r.Seq); err != nil || now.Revision != r.Revision {
		return // it has moved on since it was read, and that was published
	}
	now := l.o.Clock.Now()
	w := &outbox.Waiting{Code: code, Since: now, Attempts: r.Attempts + l.known(r.Seq).dials}
	if next > 0 {
		w.Next = now.Add(next)
	}
	l.o.Publish.Waits(r, publish.HeadOfLane, w)
	l.show(r)
}

// tellPositions publishes that the first of the queue moved up, at most once a second.
func (l *lane) tellPositions(at outbox.Lane) {
	if at.Queued < 2 || l.told {
		return
	}
	l.told = true
	time.AfterFunc(positionsPace, func() {
		l.do(func() {
			l.told = false
			held := l.o.Store.Lane(l.terminal).Holder != 0
			for i, r := range l.o.Store.Positions(l.terminal, positionsTold) {
				l.o.Publish.Waits(r, publish.Position{Number: i + 1, Behind: held || i > 0}, nil)
			}
		})
	})
}

// noteBehind has the gateway know whether something waits behind what holds the lane.
func (l *lane) noteBehind(is bool) {
	if is == l.behind {
		return
	}
	l.behind = is
	if is {
		l.o.Gateway.AddBehind(1)
	} else {
		l.o.Gateway.AddBehind(-1)
	}
}
