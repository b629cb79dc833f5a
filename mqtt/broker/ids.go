package broker

import (
	"slices"
	"sync"
)

// packetIDs is a set of packet ids; the zero value is empty. It takes a few bytes
// while it holds few ids, and 8 KiB at most.
type packetIDs struct {
	n    int
	few  []uint16
	many *[1 << 16 / 64]uint64
}

// fewIDs is how many ids are kept as a list.
const fewIDs = 64

func (s *packetIDs) has(id uint16) bool {
	if s.many != nil {
		return s.many[id/64]&(1<<(id%64)) != 0
	}
	return slices.Contains(s.few, id)
}

func (s *packetIDs) add(id uint16) {
	if s.has(id) {
		return
	}
	s.n++
	if s.many == nil && len(s.few) < fewIDs {
		s.few = append(s.few, id)
		return
	}
	if s.many == nil {
		s.many = new([1 << 16 / 64]uint64)
		for _, old := range s.few {
			s.many[old/64] |= 1 << (old % 64)
		}
		s.few = nil
	}
	s.many[id/64] |= 1 << (id % 64)
}

// remove removes an id, and reports whether it was there.
func (s *packetIDs) remove(id uint16) bool {
	if !s.has(id) {
		return false
	}
	s.n--
	if s.many == nil {
		s.few = slices.DeleteFunc(s.few, func(one uint16) bool { return one == id })
		return true
	}
	if s.many[id/64] &^= 1 << (id % 64); s.n == 0 {
		s.many = nil
	}
	return true
}

// unackedIDs are the packet ids of the messages that were sent to a client with QoS 1 and that it has not acknowledged.
// They are independent of the ids of what the client publishes.
type unackedIDs struct {
	mu   sync.Mutex
	ids  packetIDs
	last uint16
}

// next takes an id that is not in use; it returns false if most ids are in use.
func (t *unackedIDs) next(most int) (uint16, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ids.n >= most {
		return 0, false
	}
	for {
		t.last = max(t.last+1, 1)
		if !t.ids.has(t.last) {
			t.ids.add(t.last)
			return t.last, true
		}
	}
}

// release frees an id, and reports whether it was in use.
func (t *unackedIDs) release(id uint16) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ids.remove(id)
}

func (t *unackedIDs) any() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.ids.n > 0
}
