package simulator

import (
	"slices"
	"time"
)

// Terminal is a card terminal as the API lists it.
type Terminal struct {
	UUID string
	Name string
	// Inactive terminals are listed with status 0, and take no orders.
	Inactive bool
	// Organization is the uuid of the merchant that it belongs to; see Options.Merchants.
	Organization string
}

// behaviour is what customers do, with orders and with refunds.
type behaviour struct{ pays, refunds Customer }

// terminal is a terminal with its customers and what it shows.
type terminal struct {
	Terminal
	own   *behaviour // nil: the simulator's default
	next  []Customer // for the next orders, before own
	shows *order     // the order, or the order of the refund, that is on it
	held  bool       // busy with something of its own
	free  func()     // cancels the end of held
}

// busy reports whether the terminal can take something new.
func (t *terminal) busy() bool { return t.held || t.shows != nil }

// terminal returns a terminal, nil if there is none. The lock is held.
func (s *Simulator) terminal(uuid string) *terminal {
	for _, t := range s.terminals {
		if t.UUID == uuid {
			return t
		}
	}
	return nil
}

// AddTerminal adds a terminal, or renames and (de)activates the one with its uuid.
func (s *Simulator) AddTerminal(t Terminal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.terminal(t.UUID); known != nil {
		known.Terminal = t
		return
	}
	s.terminals = append(s.terminals, &terminal{Terminal: t, free: func() {}})
}

// RemoveTerminal removes a terminal. Its orders stay; what was on it is not acted on
// any more. Unknown uuids are no error.
func (s *Simulator) RemoveTerminal(uuid string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t := s.terminal(uuid); t != nil {
		if t.shows != nil {
			t.shows.stopCustomer()
		}
		t.free()
		s.terminals = slices.DeleteFunc(s.terminals, func(x *terminal) bool { return x == t })
	}
}

// Terminals returns the terminals in the order of their addition.
func (s *Simulator) Terminals() []Terminal {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Terminal, len(s.terminals))
	for i, t := range s.terminals {
		out[i] = t.Terminal
	}
	return out
}

// SetCustomer sets what customers of a terminal do with orders shown from now on;
// "" sets it for all terminals that have no customer of their own.
func (s *Simulator) SetCustomer(terminal string, c Customer) error {
	return s.setBehaviour(terminal, func(b *behaviour) { b.pays = c })
}

// SetRefundCustomer is SetCustomer for refunds.
func (s *Simulator) SetRefundCustomer(terminal string, c Customer) error {
	return s.setBehaviour(terminal, func(b *behaviour) { b.refunds = c })
}

// setBehaviour changes a terminal's behaviour, or everyone's.
func (s *Simulator) setBehaviour(uuid string, change func(*behaviour)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if uuid == "" {
		change(&s.customers)
		return nil
	}
	t := s.terminal(uuid)
	if t == nil {
		return errUnknownTerminal
	}
	if t.own == nil {
		b := s.customers
		t.own = &b
	}
	change(t.own)
	return nil
}

// SetNextCustomers queues customers for the next orders shown on a terminal, one
// each; after them the terminal's usual customer is back.
func (s *Simulator) SetNextCustomers(terminal string, c ...Customer) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.terminal(terminal)
	if t == nil {
		return errUnknownTerminal
	}
	t.next = append(t.next, c...)
	return nil
}

// customerFor returns the customer at a terminal now, and removes a queued one.
func (s *Simulator) customerFor(t *terminal) Customer {
	if len(t.next) > 0 {
		c := t.next[0]
		t.next = t.next[1:]
		return c
	}
	if t.own != nil {
		return t.own.pays
	}
	return s.customers.pays
}

// refundCustomerFor is customerFor for refunds.
func (s *Simulator) refundCustomerFor(t *terminal) Customer {
	if t.own != nil {
		return t.own.refunds
	}
	return s.customers.refunds
}

// SetBusy makes a terminal busy with something of its own (a menu, a batch), or
// ends that. What is on the terminal already goes on.
func (s *Simulator) SetBusy(terminal string, busy bool) error {
	return s.hold(terminal, busy, 0)
}

// SetBusyFor makes a terminal busy for that long.
func (s *Simulator) SetBusyFor(terminal string, d time.Duration) error {
	return s.hold(terminal, true, d)
}

// hold sets or ends a terminal's own business, ending it after d where d is not 0.
func (s *Simulator) hold(uuid string, busy bool, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.terminal(uuid)
	if t == nil {
		return errUnknownTerminal
	}
	t.free()
	t.held, t.free = busy, func() {}
	if busy && d > 0 {
		t.free = s.schedule(d, func() { t.held = false })
	}
	return nil
}
