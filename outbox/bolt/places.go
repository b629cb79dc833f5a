package bolt

import (
	"iter"
	"maps"
	"slices"
)

// place is where an open request stands at its terminal.
type place struct{ turn, seq uint64 }

// places are those of all open requests of a terminal, of whatever kind, by turn. Copies share what they have: of that nothing is
// changed, only added to behind it. A place may be left of a request that has ended or moved, so whoever reads one looks at the record.
type places struct {
	turns []uint64
	// moved has the sequences of those whose turn is another one, by turn.
	moved map[uint64]uint64
	left  int // how many are of requests that are not there any more
}

func (p places) at(turn uint64) place {
	if seq, ok := p.moved[turn]; ok {
		return place{turn, seq}
	}
	return place{turn, turn}
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
	switch {
	case found: // it was open before
		p.left--
		return
	case i == len(p.turns):
		p.turns = append(p.turns, at.turn)
	default:
		p.turns = slices.Insert(slices.Clone(p.turns), i, at.turn)
	}
	if at.seq != at.turn {
		moved := maps.Clone(p.moved)
		if moved == nil {
			moved = map[uint64]uint64{}
		}
		moved[at.turn] = at.seq
		p.moved = moved
	}
}

// note adds a place of a list that nobody shares yet, in any order; sort ends that.
func (p *places) note(at place) {
	p.turns = append(p.turns, at.turn)
	if at.seq != at.turn {
		if p.moved == nil {
			p.moved = map[uint64]uint64{}
		}
		p.moved[at.turn] = at.seq
	}
}

func (p *places) sort() { slices.Sort(p.turns) }

// leave takes away the place of a request whose record has gone from there, with those that were left in front, and all of those
// once they are the most.
func (p *places) leave(turn uint64, there func(place) bool) {
	p.left++
	first := 0
	for p.left > 0 && first < len(p.turns) && (p.turns[first] == turn || !there(p.at(p.turns[first]))) {
		p.left--
		first++
	}
	p.forget(p.turns[:first])
	p.turns = p.turns[first:]
	if p.left > fewLeft && p.left > len(p.turns)/2 {
		var gone []uint64
		p.turns, p.left = slices.DeleteFunc(slices.Clone(p.turns), func(turn uint64) bool {
			if there(p.at(turn)) {
				return false
			}
			gone = append(gone, turn)
			return true
		}), 0
		p.forget(gone)
	}
}

// forget forgets what had moved to some turns.
func (p *places) forget(turns []uint64) {
	if len(p.moved) == 0 {
		return
	}
	p.moved = maps.Clone(p.moved)
	for _, turn := range turns {
		delete(p.moved, turn)
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
