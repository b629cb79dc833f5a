package lane

import (
	"errors"

	"tillpost/outbox"
)

// What is known of the first turns that are made in a commit with something else, by requestId.
const (
	turnMaking    = true
	turnUncertain = false // whether it is on disk
)

// start is the first turn of an order, ready to be made in the commit that accepts it, or that ends the one before it.
type start struct {
	id   string
	lane *lane
	conn conn

	event outbox.Event // of the last Turn
	body  []byte
}

// Start readies the first turn of an order that is about to be accepted, nil where it has to wait. Where no connection stands ready
// for it, its lane dials one meanwhile: if that is there by the time of the commit, which may have to wait for another, the turn is made
// in it, and otherwise once the order is on disk.
func (ls *Lanes) Start(r outbox.Request) outbox.FirstTurn {
	if r.Kind != outbox.KindOrder || r.State != outbox.StateQueued || r.CancelWanted || !ls.free(r.Terminal) {
		return nil
	}
	l := ls.lane(r.Terminal)
	if !ls.begins() {
		return nil
	}
	s := &start{id: r.ID, lane: l, conn: l.atHand()}
	if s.conn.Conn == nil {
		ls.Expect(r.Terminal)
	}
	ls.starts.Store(r.ID, turnMaking)
	return s
}

// free reports whether a request of a terminal may start as soon as it is there.
func (ls *Lanes) free(terminal string) bool {
	at := ls.o.Store.Lane(terminal)
	return at.Holder == 0 && at.Head == 0 && !ls.waitsAt(terminal)
}

// begins counts a first turn as under way until its Done, so that an ordered stop waits for it; false once the lanes are stopping.
func (ls *Lanes) begins() bool {
	ls.stopMu.RLock()
	defer ls.stopMu.RUnlock()
	if ls.stopped {
		return false
	}
	ls.inFlight.Add(1)
	return true
}

// waitsAt reports whether nothing may be started at a terminal now.
func (ls *Lanes) waitsAt(terminal string) bool {
	_, shut := ls.o.Gate.Holds()
	return shut || ls.stopping() || ls.o.Pauses.Of(terminal) != nil || !ls.o.Directory.Has(terminal)
}

// Turn makes the turn of the request, within the commit, where a connection is at hand.
func (s *start) Turn(r outbox.Request) (outbox.Event, bool) {
	if s.lane.waitsAt(r.Terminal) {
		return outbox.Event{}, false
	}
	if s.conn.Conn == nil {
		s.conn = s.lane.atHand()
	}
	if s.conn.Conn == nil {
		return outbox.Event{}, false
	}
	mark := s.lane.newMark(r)
	made, err := s.lane.o.Gateway.ComposeOrder(r, mark)
	if err != nil {
		return outbox.Event{}, false // the lane says why
	}
	s.body = made.Body
	s.event = outbox.Event{Type: outbox.Due, Lane: r.Terminal, Mark: mark, Shown: made.Shown, References: made.References}
	s.lane.stamp(&s.event)
	return s.event, true
}

// Done takes what came of the acceptance.
func (s *start) Done(added outbox.Added, err error) {
	defer s.lane.inFlight.Done() // the lane has been told by then
	s.lane.do(func() { s.took(added, err) })
}

// took goes on after the commit: what was started is submitted, else the connection is the lane's for its next turn.
func (s *start) took(added outbox.Added, err error) {
	l := s.lane
	uncertain := err != nil && !errors.Is(err, outbox.ErrFull) // it may be on disk all the same, or turn up there
	if uncertain {
		l.starts.Store(s.id, turnUncertain)
	} else {
		l.starts.Delete(s.id)
	}
	switch {
	case err != nil:
		drop(s.conn)
		if uncertain {
			l.unsent(s.id)
		}
	case added.Request.State != outbox.StateSending || len(added.Effects) == 0:
		l.keepConn(s.conn)
		l.moved = true
	default:
		l.keepConn(s.conn)
		l.next.body = s.body
		l.applied(added.Request, s.event, added.Effects)
	}
}

// unsent takes back a first turn that turned up on disk after its commit had come back with an error: of it nothing was sent.
func (l *lane) unsent(id string) {
	r, err := l.o.Store.Lookup(id)
	if err != nil || r.State != outbox.StateSending || r.Terminal != l.terminal || l.underWay(r, call{effect: outbox.Submit}) {
		return
	}
	l.starts.Delete(id)
	l.apply(r.Seq, outbox.Event{Type: outbox.Unavailable})
}
