package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"tillpost/outbox"
)

// Add is outbox.Store's.
func (s *Store) Add(ctx context.Context, rs ...outbox.Request) ([]outbox.Added, error) {
	arrivals := make([]outbox.Arrival, len(rs))
	for i, r := range rs {
		arrivals[i].Request = r
	}
	return s.Accept(ctx, arrivals...)
}

// Accept is outbox.Store's.
func (s *Store) Accept(ctx context.Context, arrivals ...outbox.Arrival) ([]outbox.Added, error) {
	if len(arrivals) == 0 {
		return nil, nil
	}
	if !s.ballast.ready() {
		return nil, fmt.Errorf("%w: only the reserve for open requests is left", outbox.ErrFull)
	}
	records := make([][]byte, len(arrivals))
	for i, a := range arrivals {
		var err error
		if records[i], err = encodeRecord(a.Request); err != nil {
			return nil, err
		}
	}
	var added []outbox.Added
	s.announced.Store(false) // it comes now
	err := s.submit(ctx, true, func(t *txn) error {
		added = make([]outbox.Added, len(arrivals))
		known := make([]outbox.Request, len(arrivals))
		for i, a := range arrivals { // every error before the first write
			var err error
			if known[i], err = t.lookup(a.Request.ID); err != nil && !errors.Is(err, outbox.ErrNotFound) {
				return err
			}
		}
		for i, a := range arrivals {
			same := func(b outbox.Added) bool { return b.Request.ID == a.Request.ID }
			if j := slices.IndexFunc(added[:i], same); known[i].ID == "" && j >= 0 { // it is of the same batch
				known[i] = added[j].Request
			}
			added[i] = t.add(a.Request, known[i], records[i])
			if a.Turn != nil && added[i].Verdict == outbox.AddedNew {
				if c := t.changes[len(t.changes)-1]; t.broken == nil && c.Position == 1 && !c.Behind {
					t.turn(added[i].Request, a.Turn, &added[i])
				}
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

// turn is an Arrival's Turn.
type turn = func(outbox.Request) (outbox.Event, bool)

// turn makes the first turn of a request that is the next of its lane.
func (t *txn) turn(r outbox.Request, turn turn, made *outbox.Added) {
	e, ok := turn(r)
	if !ok {
		return
	}
	e.Policy = t.s.o.Policy
	after, fx, err := t.applyTo(r, e)
	if err == nil && after.Revision != r.Revision { // else it stays queued, and its lane is told why
		made.Request, made.Effects = after, fx
	}
}

// add writes a new request, unless its id is known.
func (t *txn) add(r, known outbox.Request, record []byte) outbox.Added {
	if known.ID != "" {
		if known.Digest == r.Digest && known.Kind == r.Kind && known.Arrival() == r.Terminal {
			return outbox.Added{Request: known, Verdict: outbox.AddedSame}
		}
		return outbox.Added{Request: known, Verdict: outbox.AddedConflict}
	}
	seq, err := t.requests.NextSequence()
	t.note(err)
	r.Seq = seq
	r = r.Clone()
	record = bytes.Clone(record) // a retry takes another sequence, and bbolt keeps what it is given
	seal(record, seq)
	t.note(t.ids.Put([]byte(r.ID), seq))
	t.put(outbox.Request{}, r, record)
	place, err := t.position(r)
	t.note(err)
	t.changes = append(t.changes, outbox.Change{Request: r, Position: place, Behind: t.behind(r, place)})
	return outbox.Added{Request: r, Verdict: outbox.AddedNew}
}

// note keeps an error that came after a first write: the transaction will not be committed.
func (t *txn) note(err error) {
	t.dirty = true
	if err != nil && t.broken == nil {
		t.broken = err
	}
}

// put writes a record, its body and the indexes; before is zero for a new one.
func (t *txn) put(before, r outbox.Request, record []byte) {
	if r.Refund == nil {
		t.s.recent.put(record, r)
	} else {
		t.s.recent.drop(r.Seq) // of its statement not all is stored
	}
	k, previous := seqKey(r.Seq), before.State
	was, is := previous != 0 && !previous.Final(), !r.State.Final()
	if is {
		t.note(t.requests.Put(k, record))
	} else {
		t.note(t.ended.Put(k, record))
	}
	switch {
	case previous == 0 || was == is:
	case was:
		t.note(t.requests.Delete(k))
	default:
		t.note(t.ended.Delete(k))
	}
	switch {
	case is && !was:
		t.opened++
		t.lane(r.Terminal).places.take(place{r.Turn(), r.Seq})
	case was && !is:
		t.opened--
		t.leavePlace(before.Terminal, before.Turn())
	case is && before.Moved != r.Moved:
		t.leavePlace(before.Terminal, before.Turn())
		t.lane(r.Terminal).places.take(place{r.Turn(), r.Seq})
	}
	switch {
	case bytes.Equal(before.Body, r.Body):
	case len(r.Body) > 0:
		t.note(t.bodies.Put(k, encodeBody(r.Seq, r.Body)))
	default:
		t.note(t.bodies.Delete(k))
	}
	t.indexRefund(before, r)
	t.note(t.moveLane(before, r))
}

// Apply is outbox.Store's. If nothing durable changed, nothing is written, and there may be effects all the same.
func (s *Store) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	after, fx, _, err := s.Release(ctx, seq, e, nil)
	return after, fx, err
}

// Release is outbox.Store's.
func (s *Store) Release(ctx context.Context, seq uint64, e outbox.Event, turn turn) (outbox.Request, []outbox.Effect, outbox.Added, error) {
	e.Policy = s.o.Policy
	var after outbox.Request
	var fx []outbox.Effect
	var next outbox.Added
	err := s.submit(ctx, false, func(t *txn) (err error) {
		next = outbox.Added{}
		if after, fx, err = t.apply(seq, e); err == nil && turn != nil {
			t.next(after.Terminal, turn, &next)
		}
		return err
	})
	if err != nil {
		return outbox.Request{}, nil, outbox.Added{}, err
	}
	return after, fx, next, nil
}

// next makes the first turn of what comes next in a lane that nothing holds. Where it can't be read its lane says so.
func (t *txn) next(terminal string, turn turn, next *outbox.Added) {
	l := t.lane(terminal)
	if t.broken != nil || len(l.holders) > 0 || l.head == 0 {
		return
	}
	if r, err := t.load(l.head); err == nil {
		t.turn(r, turn, next)
	}
}

func (t *txn) apply(seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	before, err := t.load(seq)
	if err != nil {
		return outbox.Request{}, nil, err
	}
	return t.applyTo(before, e)
}

func (t *txn) applyTo(before outbox.Request, e outbox.Event) (_ outbox.Request, _ []outbox.Effect, err error) {
	if before.Kind == outbox.KindRefund || before.Kind == outbox.KindApproval {
		if e.Ledger, err = t.ledger(before); err != nil {
			return outbox.Request{}, nil, err
		}
	}
	if e.Lane != "" && e.Lane != before.Terminal {
		return outbox.Request{}, nil, fmt.Errorf("%w: request %s, terminal %s", outbox.ErrMoved, before.ID, before.Terminal)
	}
	e.Number = t.requests.Sequence() + 1
	after, fx := outbox.Step(before, e)
	if after.Revision == before.Revision {
		return after, fx, nil
	}
	if err := t.change(before, after); err != nil {
		return outbox.Request{}, nil, err
	}
	c := outbox.Change{Request: after, Effects: fx, Previous: before.State}
	if after.Moved != before.Moved {
		t.note(t.requests.SetSequence(e.Number))
		c.From = before.Terminal
	}
	c.Position, err = t.position(after)
	t.note(err)
	c.Behind = t.behind(after, c.Position)
	t.changes = append(t.changes, c)
	return after, fx, nil
}

// change replaces a record, or refuses to.
func (t *txn) change(before, after outbox.Request) error {
	// What is in doubt or open again in any other way stands beside the holder.
	if after.Kind.Laned() && after.State == outbox.StateSending && before.State != outbox.StateSending && t.held(after.Terminal, after.Seq) {
		return fmt.Errorf("%w: request %s, terminal %s", outbox.ErrLaneHeld, after.ID, after.Terminal)
	}
	gained, lost := except(owned(after), owned(before)), except(owned(before), owned(after))
	for _, uuid := range gained {
		if v := t.orders.Get([]byte(uuid)); v != nil && !bytes.Equal(v, seqKey(after.Seq)) {
			return fmt.Errorf("%w: request %s, order %s", outbox.ErrOrderTaken, after.ID, uuid)
		}
	}
	record, err := encodeRecord(after)
	if err != nil {
		return err
	}
	for _, uuid := range gained {
		t.note(t.orders.Put([]byte(uuid), after.Seq))
	}
	for _, uuid := range lost {
		t.note(t.orders.Delete([]byte(uuid)))
	}
	t.put(before, after, record)
	return nil
}

// owned lists the orders that a request owns. Refunds and cancels name an order, but do not own it.
func owned(r outbox.Request) []string {
	if r.Kind != outbox.KindOrder {
		return nil
	}
	list := slices.Clone(r.Further)
	if r.OrderUUID != "" {
		list = append(list, r.OrderUUID)
	}
	return slices.DeleteFunc(list, func(u string) bool { return u == "" })
}

// except returns a list without what another one has too; it overwrites the list.
func except(list, other []string) []string {
	return slices.DeleteFunc(list, func(u string) bool { return slices.Contains(other, u) })
}
