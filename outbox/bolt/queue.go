package bolt

import (
	"cmp"
	"maps"
	"slices"
)

// place is where an open request stands at its terminal.
type place struct{ turn, seq uint64 }

// queue has the places of all open requests of a terminal, of whatever kind, by turn. Copies share them: what one has is never changed,
// only added to behind it. A place may be left of a request that has ended or moved, so whoever reads one looks at the record.
type queue struct {
	places []place
	left   int // of requests that are not there any more
}

// from returns the places from a turn on.
func (q queue) from(turn uint64) []place {
	i, _ := q.find(turn)
	return q.places[i:]
}

func (q queue) find(turn uint64) (int, bool) {
	return slices.BinarySearchFunc(q.places, turn, func(p place, turn uint64) int { return cmp.Compare(p.turn, turn) })
}

// enter gives a request that is open from now on its place.
func (q *queue) enter(p place) {
	i, found := q.find(p.turn)
	switch {
	case found: // it was open before
		q.left--
	case i == len(q.places):
		q.places = append(q.places, p)
	default:
		q.places = slices.Insert(slices.Clone(q.places), i, p)
	}
}

// leave takes away the place of a request whose record has gone from there, with those that were left in front, and all of those
// once they are the most.
func (q *queue) leave(turn uint64, there func(place) bool) {
	const few = 32
	q.left++
	for q.left > 0 && len(q.places) > 0 && (q.places[0].turn == turn || !there(q.places[0])) {
		q.places = q.places[1:]
		q.left--
	}
	if q.left > few && q.left > len(q.places)/2 {
		q.places, q.left = slices.DeleteFunc(slices.Clone(q.places), func(p place) bool { return !there(p) }), 0
	}
}

// queue returns the queue of a terminal as this transaction has it.
func (t *txn) queue(terminal string) queue {
	if l := t.lanes[terminal]; l != nil {
		return l.queue
	}
	return t.s.lanes.get(terminal).queue
}

// header reads what stands before the record of an open request; false where that is not, or no longer, at its place.
func (t *txn) header(terminal string, p place) (h header, there bool, err error) {
	b := t.requests.Get(seqKey(p.seq))
	if b == nil {
		return h, false, nil
	}
	if h, err = decodeHeader(p.seq, b); err != nil {
		return h, false, t.damaged("record", p.seq, err)
	}
	return h, string(h.terminal) == terminal && h.turn(p.seq) == p.turn, nil
}

// leave takes an open request from its place, once its record has gone from there.
func (t *txn) leave(terminal string, turn uint64) {
	t.lane(terminal).queue.leave(turn, func(p place) bool {
		_, there, err := t.header(terminal, p)
		return there || err != nil
	})
}

// writeOpen fills the index of open requests, which is empty while the file is in use.
func (t *txn) writeOpen(lanes map[string]*laneState) error {
	for _, terminal := range slices.Sorted(maps.Keys(lanes)) {
		for _, p := range lanes[terminal].queue.places {
			if _, there, err := t.header(terminal, p); err != nil {
				return err
			} else if !there {
				continue
			}
			if err := t.open().Put(openKey(terminal, p.turn), openValue(p)); err != nil {
				return err
			}
		}
	}
	return nil
}
