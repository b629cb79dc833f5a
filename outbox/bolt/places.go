package bolt

import (
	"cmp"
	"maps"
	"slices"
)

// place is where an open request stands at its terminal.
type place struct{ turn, seq uint64 }

// places are those of all open requests of a terminal, of whatever kind, by turn. Copies share the list: what one has is never changed,
// only added to behind it. A place may be left of a request that has ended or moved, so whoever reads one looks at the record.
type places struct {
	list []place
	left int // how many are of requests that are not there any more
}

// from returns the places from a turn on.
func (p places) from(turn uint64) []place {
	i, _ := p.find(turn)
	return p.list[i:]
}

func (p places) find(turn uint64) (int, bool) {
	return slices.BinarySearchFunc(p.list, turn, func(at place, turn uint64) int { return cmp.Compare(at.turn, turn) })
}

// take gives a request that is open from now on its place.
func (p *places) take(at place) {
	i, found := p.find(at.turn)
	switch {
	case found: // it was open before
		p.left--
	case i == len(p.list):
		p.list = append(p.list, at)
	default:
		p.list = slices.Insert(slices.Clone(p.list), i, at)
	}
}

// leave takes away the place of a request whose record has gone from there, with those that were left in front, and all of those
// once they are the most.
func (p *places) leave(turn uint64, there func(place) bool) {
	p.left++
	for p.left > 0 && len(p.list) > 0 && (p.list[0].turn == turn || !there(p.list[0])) {
		p.list = p.list[1:]
		p.left--
	}
	if p.left > fewLeft && p.left > len(p.list)/2 {
		p.list, p.left = slices.DeleteFunc(slices.Clone(p.list), func(at place) bool { return !there(at) }), 0
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
		for _, p := range lanes[terminal].places.list {
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
