package bolt

import (
	"maps"
	"slices"
	"sync"

	"tillpost/outbox"
)

// laneState is what is kept in memory of a lane: never the requests.
type laneState struct {
	places  places
	holders []uint64 // ascending
	head    uint64
	turn    uint64 // the head's
	queued  int
}

// laneTable holds the lanes as they are committed.
type laneTable struct {
	mu    sync.RWMutex
	lanes map[string]*laneState
	open  int
	// heads caches when the head of a lane was accepted, so that Lane reads no record.
	heads map[string]laneHead
}

// laneHead is a cached head; it counts for as long as it is the head.
type laneHead struct {
	seq      uint64
	accepted outbox.Instant
}

func (t *laneTable) get(terminal string) laneState {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var c laneState
	if l := t.lanes[terminal]; l != nil {
		c = *l
		c.holders = slices.Clone(l.holders)
	}
	return c
}

// all returns the lanes, which nothing may change meanwhile.
func (t *laneTable) all() map[string]*laneState {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.lanes
}

func (t *laneTable) openCount() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.open
}

// merge takes over the lanes that a committed transaction changed.
func (t *laneTable) merge(changed map[string]*laneState, opened int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.lanes, changed)
	t.open += opened
}

func (t *laneTable) replace(lanes map[string]*laneState, open int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lanes, t.open, t.heads = lanes, open, map[string]laneHead{}
}

// Lane is outbox.Store's. One never seen is empty.
func (s *Store) Lane(terminal string) outbox.Lane {
	l := s.lanes.get(terminal)
	lane := outbox.Lane{Terminal: terminal, Head: l.head, Queued: l.queued}
	if len(l.holders) > 0 {
		lane.Holder, lane.Holders = l.holders[0], l.holders
	}
	if l.head != 0 {
		lane.Oldest = s.acceptedOf(terminal, l.head)
	}
	return lane
}

// acceptedOf returns when the head of a lane was accepted, which never changes; zero if its record can't be read.
func (s *Store) acceptedOf(terminal string, head uint64) outbox.Instant {
	s.lanes.mu.RLock()
	h := s.lanes.heads[terminal]
	s.lanes.mu.RUnlock()
	if h.seq == head {
		return h.accepted
	}
	r, err := s.Get(head)
	if err == nil {
		s.lanes.mu.Lock()
		defer s.lanes.mu.Unlock()
		s.lanes.heads[terminal] = laneHead{head, r.Accepted}
	}
	return r.Accepted
}

// Lanes is outbox.Store's, ordered by terminal.
func (s *Store) Lanes() []outbox.Lane {
	s.lanes.mu.RLock()
	names := slices.Sorted(maps.Keys(s.lanes.lanes))
	s.lanes.mu.RUnlock()
	all := make([]outbox.Lane, len(names))
	for i, n := range names {
		all[i] = s.Lane(n)
	}
	return all
}

// Positions is outbox.Store's.
func (s *Store) Positions(terminal string, n int) []outbox.Request {
	var list []outbox.Request
	at := s.lanes.get(terminal)
	if at.head == 0 || n <= 0 {
		return nil
	}
	err := s.view(func(t *txn) error {
		return t.eachQueued(terminal, at.turn, func(_, seq uint64) (bool, error) {
			r, err := t.load(seq)
			if err == nil {
				list = append(list, r)
			}
			return len(list) < n, err
		})
	})
	if err != nil {
		return nil
	}
	return list
}

// lane returns a lane as this transaction has it, to be changed.
func (t *txn) lane(terminal string) *laneState {
	if l := t.lanes[terminal]; l != nil {
		return l
	}
	l := t.s.lanes.get(terminal)
	if t.lanes == nil {
		t.lanes = map[string]*laneState{}
	}
	t.lanes[terminal] = &l
	return &l
}

// held reports whether another request holds the lane.
func (t *txn) held(terminal string, seq uint64) bool {
	return slices.ContainsFunc(t.lane(terminal).holders, func(h uint64) bool { return h != seq })
}

// moveLane updates the lanes' figures once a changed record is written; before is zero for a new one.
func (t *txn) moveLane(before, r outbox.Request) error {
	if !r.Kind.Laned() {
		return nil
	}
	if before.State != 0 && before.Terminal != r.Terminal { // only what is queued moves
		if err := t.leaveQueue(before); err != nil {
			return err
		}
		before = outbox.Request{}
	}
	from, to := before.State, r.State
	l := t.lane(r.Terminal)
	switch was, is := from != 0 && from.HoldsLane(), to.HoldsLane(); {
	case is && !was:
		at, _ := slices.BinarySearch(l.holders, r.Seq)
		l.holders = slices.Insert(l.holders, at, r.Seq)
	case was && !is:
		l.holders = slices.DeleteFunc(l.holders, func(h uint64) bool { return h == r.Seq })
	}
	switch was, is := before.InQueue(), r.InQueue(); {
	case is && !was:
		l.queued++
		if l.head == 0 || r.Turn() < l.turn {
			l.head, l.turn = r.Seq, r.Turn()
		}
	case was && !is:
		return t.leaveQueue(before)
	}
	return nil
}

// leaveQueue removes a queued request from its lane's figures.
func (t *txn) leaveQueue(r outbox.Request) error {
	if !r.InQueue() {
		return nil
	}
	l := t.lane(r.Terminal)
	l.queued--
	if l.head != r.Seq {
		return nil
	}
	l.head, l.turn = 0, 0
	return t.eachQueued(r.Terminal, r.Turn()+1, func(turn, seq uint64) (bool, error) {
		l.head, l.turn = seq, turn
		return false, nil
	})
}

// position returns a queued request's position in its lane, from 1; 0 if it is not in a queue.
func (t *txn) position(r outbox.Request) (int, error) {
	if !r.InQueue() {
		return 0, nil
	}
	l := t.lane(r.Terminal)
	switch r.Turn() {
	case l.turn:
		return 1, nil
	case t.requests.Sequence(): // the newest of all
		return l.queued, nil
	}
	n := 0
	err := t.eachQueued(r.Terminal, l.turn, func(turn, _ uint64) (bool, error) {
		n++
		return turn < r.Turn(), nil
	})
	return n, err
}

// behind reports whether others come before a queued request.
func (t *txn) behind(r outbox.Request, position int) bool {
	return position > 1 || position == 1 && t.held(r.Terminal, r.Seq)
}

// eachQueued visits the queued laned requests of a terminal from a turn on, without decoding them.
func (t *txn) eachQueued(terminal string, from uint64, fn func(turn, seq uint64) (bool, error)) error {
	for p := range t.places(terminal).from(from) {
		h, there, err := t.header(terminal, p)
		if err != nil {
			return err
		}
		if !there || !h.inQueue() {
			continue
		}
		if more, err := fn(p.turn, p.seq); err != nil || !more {
			return err
		}
	}
	return nil
}

// rebuildLanes reads the lanes from the records' headers.
func (t *txn) rebuildLanes() (map[string]*laneState, int, error) {
	lanes, open := map[string]*laneState{}, 0
	c := t.requests.Cursor()
	for k, b := c.First(); k != nil; k, b = c.Next() {
		seq, ok := seqOfKey(k)
		if !ok {
			return nil, 0, t.wrong("a record's key is no sequence")
		}
		h, err := decodeHeader(seq, b)
		if err != nil {
			return nil, 0, t.damaged("record", seq, err)
		}
		open++
		l := lanes[string(h.terminal)]
		if l == nil {
			l = &laneState{}
			lanes[string(h.terminal)] = l
		}
		l.places.note(place{h.turn(seq), seq})
		switch {
		case !h.kind.Laned():
		case h.inQueue():
			l.queued++
			if turn := h.turn(seq); l.head == 0 || turn < l.turn {
				l.head, l.turn = seq, turn
			}
		case h.state.HoldsLane():
			l.holders = append(l.holders, seq)
		}
	}
	for _, l := range lanes {
		l.places.sort()
	}
	return lanes, open, nil
}
