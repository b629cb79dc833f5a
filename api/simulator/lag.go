package simulator

import "time"

// Lag is how long it takes until a reading operation shows what happened: the real
// API is several machines, and no document says that they agree. Each view has a
// lag of its own; the calls that change something act on the orders themselves,
// which never lag. A view never goes back to an earlier state.
type Lag struct {
	// List is of the list and the single status of all kinds of orders (operations 11
	// and 12): an order is not there until it is over, and a change of status shows
	// as late.
	List time.Duration
	// Details is of operation 13: until it is over an order is not found there, and a
	// change of its status shows as late.
	Details time.Duration
	// Status is of a change of the payment status (operation 5). The order itself is
	// known there at once.
	Status time.Duration
	// RefundStatus is of operation 7, which goes on showing an older refund while a
	// new one is asked for and decided.
	RefundStatus time.Duration
	// History is of the payment history in the details: the payment, each refund, and
	// what becomes of it.
	History time.Duration
	// References is how long the references in the details are null; negative is for
	// ever.
	References time.Duration
	// Numbers is how long the product lines in the details have no id; negative is for
	// ever.
	Numbers time.Duration
}

// SetLag sets how late the views show what happens from now on.
func (s *Simulator) SetLag(l Lag) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lag = l
}

// SetNewestFirst sets whether the list of all order statuses begins with the newest
// order.
func (s *Simulator) SetNewestFirst(newest bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.newestFirst = newest
}

// SetNegativeHistory sets whether a payment history writes what went back as
// amounts below zero.
func (s *Simulator) SetNegativeHistory(negative bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.negative = negative
}

// shown is what a view shows from a moment on.
type shown[T any] struct {
	from time.Time
	what T
}

// view is the history of one thing that the API shows, and what it will show, in the
// order in which it happened.
type view[T any] []shown[T]

// add makes the view show something when the lag is over, and not before what was
// added last.
func (v *view[T]) add(lag time.Duration, what T) {
	from := time.Now().Add(lag)
	if n := len(*v); n > 0 && from.Before((*v)[n-1].from) {
		from = (*v)[n-1].from
	}
	*v = append(*v, shown[T]{from, what})
}

// now returns what the view shows, and false while it shows nothing.
func (v view[T]) now() (what T, ok bool) {
	now := time.Now()
	for i := len(v) - 1; i >= 0; i-- {
		if !v[i].from.After(now) {
			return v[i].what, true
		}
	}
	return what, false
}

// condition is an order's status with the reason of a cancellation.
type condition struct {
	status   OrderStatus
	declined bool
}

// views are what the API shows of an order, each as late as it is.
type views struct {
	list, details, status view[condition]
	refund                view[RefundStatus]
	paid                  view[time.Time]
	references, numbers   view[bool]
}

// addViews begins to show an order.
func (s *Simulator) addViews(o *order) {
	first := condition{status: o.Status, declined: o.Declined}
	o.views.list.add(s.lag.List, first)
	o.views.details.add(s.lag.Details, first)
	o.views.status.add(0, first)
	if s.lag.References >= 0 {
		o.views.references.add(s.lag.References, true)
	}
	if s.lag.Numbers >= 0 {
		o.views.numbers.add(s.lag.Numbers, true)
	}
	if !o.PaidAt.IsZero() {
		o.views.paid.add(s.lag.History, o.PaidAt)
	}
}

// setStatus changes an order's status, and the views after their lags.
func (s *Simulator) setStatus(o *order, status OrderStatus, declined bool) {
	o.Status, o.Declined = status, declined
	now := condition{status, declined}
	o.views.list.add(s.lag.List, now)
	o.views.details.add(s.lag.Details, now)
	o.views.status.add(s.lag.Status, now)
}

// setPaid dates the payment.
func (s *Simulator) setPaid(o *order) {
	o.PaidAt = s.opts.Clock()
	o.views.paid.add(s.lag.History, o.PaidAt)
}
