package lane

import (
	"context"
	"time"

	"tillpost/agent/publish"
	"tillpost/api"
	"tillpost/outbox"
)

const (
	// connFresh is how old a dialled connection may be when a submission starts on it: a server closes idle ones.
	connFresh = 3 * time.Second
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
	if at.Holder != 0 || at.Head == 0 {
		l.show(outbox.Request{})
		if at.Holder != 0 {
			l.dropConn()
		}
		return
	}
	paused, later := l.o.Pauses.Of(l.terminal) != nil, l.timed(at.Head, outbox.TimerRetry)
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
	if l.next.conn != nil && l.next.conn.Age() > connFresh {
		l.dropConn()
	}
	if l.next.conn == nil {
		l.next.conn = l.o.Gateway.Spare()
	}
	if l.next.conn == nil {
		l.dial()
		return
	}
	executors[r.Kind].due(l, r)
}

// asksFirst has the state machine ask for the evidence that an attempt needs, and reports whether it is still missing.
func (l *lane) asksFirst(r outbox.Request) bool {
	e := l.dueEvent(r)
	l.stamp(&e)
	if !r.AsksFirst(e) {
		return false
	}
	if known := l.requests[r.Seq]; known == nil || known.calls[call{effect: outbox.Search}] == nil {
		l.apply(r.Seq, e)
	}
	return true
}

// dial readies a fresh connection for the next submission, before that is written to disk, so that an outage costs
// neither doubt nor writes.
func (l *lane) dial() {
	if l.next.dialing || l.stopping() {
		return
	}
	l.next.dialing = true
	l.background(func(ctx context.Context) {
		conn, retry, err := l.o.Gateway.Dial(ctx)
		l.do(func() { l.dialled(conn, retry, err) })
	})
}

func (l *lane) dialled(conn *api.Conn, retry time.Duration, err error) {
	l.next.dialing = false
	if err == nil {
		l.dropConn()
		l.next.conn, l.moved = conn, true
		time.AfterFunc(connFresh, func() {
			l.do(func() {
				if l.next.conn == conn { // the request that it was dialled for did not come
					l.dropConn()
				}
			})
		})
		return
	}
	at := l.o.Store.Lane(l.terminal)
	if at.Holder != 0 || at.Head == 0 || l.stopping() {
		return
	}
	if r, err := l.o.Store.Get(at.Head); err == nil {
		l.of(r.Seq).dials++
		l.waits(r, outbox.WaitAPIUnreachable, retry)
	}
	l.wakeAt(at.Head, outbox.TimerRetry, retry, false)
}

// expectRequest dials ahead for a request that is being written to disk, if the terminal is free for it.
func (l *lane) expectRequest() {
	l.do(func() {
		at := l.o.Store.Lane(l.terminal)
		if at.Holder == 0 && at.Head == 0 && l.next.conn == nil && l.o.Pauses.Of(l.terminal) == nil {
			if _, shut := l.o.Gate.Holds(); !shut {
				l.dial()
			}
		}
	})
}

// waits publishes, without a write, why the head of the lane does not move.
func (l *lane) waits(r outbox.Request, code string, next time.Duration) {
	if now, err := l.o.Store.Get(r.Seq); err != nil || now.Revision != r.Revision {
		return // it has moved on since it was read, and that was published
	}
	now := l.o.Clock.Now()
	w := &outbox.Waiting{Code: code, Since: now, Attempts: r.Attempts}
	if known := l.requests[r.Seq]; known != nil {
		w.Attempts += known.dials
	}
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
