package bolt

import (
	"cmp"
	"iter"
	"maps"
	"slices"
)

// place is where an open request stands at its terminal.
type place struct{ turn, seq uint64 }

// places are those of all open requests of a terminal, of whatever kind, by turn. Copies share the lists: what one has is never changed,
// only added to behind it. A place may be left of a request that has ended or moved, so whoever reads one looks at the record.
type places struct {
	turns []uint64
	moved []place // those whose turn is not the request's own number, by turn
	left  int     // how many are of requests that are not there any more
}

func (p places) at(turn uint64) place {
	if i, found := p.findMoved(turn); found {
		return p.moved[i]
	}
	return place{turn, turn}
}

func (p places) findMoved(turn uint64) (int, bool) {
	return slices.BinarySearchFunc(p.moved, turn, func(at place, turn uint64) int { return cmp.Compare(at.turn, turn) })
}

// from visits the places from a turn on.
func (p places) from(turn uint64) iter.Seq[place] {
	return func(yield func(place) bool) {
		i, _ := slices.BinarySearch(p.turns, turn)
		for _, turn := range p.turns[i:] {
			if !yield(p.at(turn)) {
				return
			}
		}
	}
}

// take gives a request that is open from now on its place.
func (p *places) take(at place) {
	i, found := slices.BinarySearch(p.turns, at.turn)
	if found { // it was open before
		p.left--
		return
	}
	p.turns = insert(p.turns, i, at.turn)
	if at.seq != at.turn {
		i, _ = p.findMoved(at.turn)
		p.moved = insert(p.moved, i, at)
	}
}

// insert returns a list that copies share with v in it, behind what they have, or in a list of its own.
func insert[T any](list []T, i int, v T) []T {
	if i == len(list) {
		return append(list, v)
	}
	return slices.Insert(slices.Clone(list), i, v)
}

// note adds a place to lists that nobody shares yet, in any order; sort ends that.
func (p *places) note(at place) {
	p.turns = append(p.turns, at.turn)
	if at.seq != at.turn {
		p.moved = append(p.moved, at)
	}
}

func (p *places) sort() {
	slices.Sort(p.turns)
	slices.SortFunc(p.moved, func(a, b place) int { return cmp.Compare(a.turn, b.turn) })
}

// leave takes away the place of a request whose record has gone from there, with those that were left in front, and all of those
// once they are the most.
func (p *places) leave(turn uint64, there func(place) bool) {
	p.left++
	for p.left > 0 && len(p.turns) > 0 && (p.turns[0] == turn || !there(p.at(p.turns[0]))) {
		if len(p.moved) > 0 && p.moved[0].turn == p.turns[0] {
			p.moved = p.moved[1:]
		}
		p.turns = p.turns[1:]
		p.left--
	}
	if p.left > fewLeft && p.left > len(p.turns)/2 {
		p.turns, p.left = slices.DeleteFunc(slices.Clone(p.turns), func(turn uint64) bool { return !there(p.at(turn)) }), 0
		p.moved = slices.DeleteFunc(slices.Clone(p.moved), func(at place) bool { return !there(at) })
	}
}

// fewLeft is how many places of requests that are gone may be left in any case.
const fewLeft = 32

// places returns those of a terminal as this transaction has them.
func (t *txn) places(terminal string) places {
	if l := t.lanes[terminal]; l != nil {
		return l.places
	}
	return t.s.lanes.get(terminal).places
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

// leavePlace takes an open request from its place, once its record has gone from there.
func (t *txn) leavePlace(terminal string, turn uint64) {
	t.lane(terminal).places.leave(turn, func(p place) bool {
		_, there, err := t.header(terminal, p)
		return there || err != nil
	})
}

// writeOpen fills the index of open requests, which is empty while the file is in use.
func (t *txn) writeOpen(lanes map[string]*laneState) error {
	for _, terminal := range slices.Sorted(maps.Keys(lanes)) {
		for p := range lanes[terminal].places.from(0) {
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
