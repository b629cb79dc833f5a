package simulator

import (
	"net/http"
	"slices"
)

// Unsaid is behaviour of the API that no document describes, beside what [Lookups],
// [Lag] and Options.NewestFirst are for. "tillpost check --probe" finds out each of
// them.
type Unsaid struct {
	// PendingPayment is what the payment status (operation 5) calls an order that
	// waits for the customer, PendingBooks what the list, the single status and the
	// details do. "" is SENT; NoWord leaves the status empty.
	PendingPayment, PendingBooks string
	// RefundStatusBy is the one method that the refund status is asked by: the other
	// is answered 405. "" takes POST, as documented, and GET.
	RefundStatusBy string
	// BusyStores makes a create on a busy terminal add the order all the same, on no
	// terminal, and answer that the terminal is busy.
	BusyStores bool
}

// NoWord is the pending word of an API that has none.
const NoWord = "-"

// SetUnsaid changes what the API does where no document says it. It refuses a
// RefundStatusBy that is neither POST nor GET.
func (s *Simulator) SetUnsaid(u Unsaid) error {
	if u.RefundStatusBy != "" && !slices.Contains([]string{http.MethodPost, http.MethodGet}, u.RefundStatusBy) {
		return noSuch("no such way to ask for the refund status", u.RefundStatusBy, http.MethodPost, http.MethodGet)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unsaid = u
	return nil
}

// refuses returns the methods that a call may use instead of its own, nil where its
// own will do.
func (u Unsaid) refuses(req *request) []string {
	if req.op != OpRefundStatus || u.RefundStatusBy == "" || u.RefundStatusBy == req.method {
		return nil
	}
	return []string{u.RefundStatusBy}
}

// payment returns a status in the words of operation 5, books in those of 11 to 13.
func (u Unsaid) payment(status OrderStatus) OrderStatus { return worded(status, u.PendingPayment) }
func (u Unsaid) books(status OrderStatus) OrderStatus   { return worded(status, u.PendingBooks) }

func worded(status OrderStatus, pending string) OrderStatus {
	switch {
	case status != Sent || pending == "":
		return status
	case pending == NoWord:
		return ""
	}
	return OrderStatus(pending)
}
