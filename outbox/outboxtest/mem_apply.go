package outboxtest

import (
	"context"
	"fmt"

	"tillpost/outbox"
)

// Apply is as bolt.Store's.
func (m *Mem) Apply(ctx context.Context, seq uint64, e outbox.Event) (outbox.Request, []outbox.Effect, error) {
	r, fx, _, err := m.Release(ctx, seq, e, nil)
	return r, fx, err
}

// Release is as bolt.Store's.
func (m *Mem) Release(ctx context.Context, seq uint64, e outbox.Event, turn func(outbox.Request) (outbox.Event, bool)) (outbox.Request, []outbox.Effect, outbox.Added, error) {
	e.Policy = m.o.Policy
	var after outbox.Request
	var fx []outbox.Effect
	var next outbox.Added
	err := m.write(ctx, func() (changes []outbox.Change, err error) {
		var c outbox.Change
		if after, fx, c, err = m.apply(seq, e); err != nil {
			return nil, err
		}
		if c.Request.Seq != 0 {
			changes = append(changes, c)
		}
		at := m.lane(after.Terminal)
		if turn == nil || at.Holder != 0 || at.Head == 0 {
			return changes, nil
		}
		if c, ok := m.turn(turn, m.records[at.Head]); ok {
			next.Request, next.Effects = copied(c.Request), c.Effects
			changes = append(changes, c)
		}
		return changes, nil
	})
	if err != nil {
		return outbox.Request{}, nil, outbox.Added{}, err
	}
	return copied(after), fx, next, nil
}

// apply runs Step and takes what it changed; c is zero if nothing was.
func (m *Mem) apply(seq uint64, e outbox.Event) (after outbox.Request, fx []outbox.Effect, c outbox.Change, err error) {
	before, err := m.get(seq)
	if err != nil {
		return after, nil, c, err
	}
	if before.Kind == outbox.KindRefund || before.Kind == outbox.KindApproval {
		e.Ledger = m.ledger(before)
	}
	step := m.Step
	if step == nil {
		step = outbox.Step
	}
	if e.Lane != "" && e.Lane != before.Terminal {
		return after, nil, c, fmt.Errorf("%w: request %s", outbox.ErrMoved, before.ID)
	}
	e.Number = m.last + 1
	after, fx = step(before, e)
	if after.Revision == before.Revision {
		return after, fx, c, nil
	}
	if err := m.replace(before, after); err != nil {
		return after, nil, c, err
	}
	c = outbox.Change{Request: copied(after), Effects: fx, Position: m.position(after), Behind: m.behind(after), Previous: before.State}
	if after.Moved != before.Moved {
		m.last, m.lanes[after.Terminal], c.From = e.Number, true, before.Terminal
	}
	return after, fx, c, nil
}

// turn makes the first turn of a request that is the next of its lane.
func (m *Mem) turn(turn func(outbox.Request) (outbox.Event, bool), r outbox.Request) (c outbox.Change, ok bool) {
	e, ok := turn(copied(r))
	if !ok {
		return c, false
	}
	e.Policy = m.o.Policy
	_, _, c, err := m.apply(r.Seq, e)
	return c, err == nil && c.Request.Seq != 0
}

func (m *Mem) replace(before, after outbox.Request) error {
	if after.Kind.Laned() && after.State == outbox.StateSending && before.State != outbox.StateSending {
		if l := m.lane(after.Terminal); l.Holder != 0 {
			return fmt.Errorf("%w: request %s", outbox.ErrLaneHeld, after.ID)
		}
	}
	for _, u := range owns(after) {
		if owner, ok := m.orders[u]; ok && owner != after.Seq {
			return fmt.Errorf("%w: request %s, order %s", outbox.ErrOrderTaken, after.ID, u)
		}
	}
	for _, u := range owns(before) {
		delete(m.orders, u)
	}
	for _, u := range owns(after) {
		m.orders[u] = after.Seq
	}
	m.records[after.Seq] = copied(after)
	return nil
}
