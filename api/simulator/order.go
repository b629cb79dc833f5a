package simulator

import (
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"
	"time"

	"github.com/govalues/decimal"
)

// OrderStatus is an order's status as the API words it.
type OrderStatus string

// The statuses of orders. Sent is pending: the documents have no word for it under
// payment-status, and this one under the list of all statuses.
const (
	Sent              OrderStatus = "SENT"
	Paid              OrderStatus = "PAID"
	Cancelled         OrderStatus = "CANCELLED"
	Expired           OrderStatus = "EXPIRED"
	Invoiced          OrderStatus = "INVOICED"
	Refunded          OrderStatus = "REFUNDED"
	PartiallyRefunded OrderStatus = "PARTIAL REFUNDED"
)

// orderStatuses are all of them.
var orderStatuses = []OrderStatus{Sent, Paid, Cancelled, Expired, Invoiced, Refunded, PartiallyRefunded}

// RefundStatus is a refund's status as the API words it.
type RefundStatus string

// The statuses of refunds; the documents have no word for the pending one.
const (
	RefundPending  RefundStatus = "PENDING"
	RefundDone     RefundStatus = "REFUNDED"
	RefundRejected RefundStatus = "REJECTED"
)

// RefundKind is how a refund was asked for.
type RefundKind string

// The kinds of refunds.
const (
	RefundRegular  RefundKind = "regular"
	RefundReversal RefundKind = "reversal"
	RefundApproval RefundKind = "approval"
	RefundPortal   RefundKind = "portal" // asked for elsewhere
)

// Order is a copy of an order, as of the moment of the call that returned it.
type Order struct {
	UUID       string            `json:"uuid"`
	Terminal   string            `json:"terminal"`
	Seq        int               `json:"seq"` // 1 for the first order created
	CreatedAt  time.Time         `json:"createdAt"`
	Body       json.RawMessage   `json:"body"` // the very bytes received; not to be changed
	References []string          `json:"references,omitempty"`
	Status     OrderStatus       `json:"status"`
	Declined   bool              `json:"declined,omitempty"` // CANCELLED because the payment failed
	PaidAt     time.Time         `json:"paidAt,omitzero"`
	Amount     decimal.Decimal   `json:"amount"`
	Refunds    []Refund          `json:"refunds,omitempty"`
	Shown      int               `json:"shown"` // how often it was put on the terminal
	Calls      map[Operation]int `json:"calls"` // calls that named or made it, by operation
	Callbacks  []CallbackCall    `json:"callbacks,omitempty"`
}

// Refund is a refund, reversal or refund approval of an order.
type Refund struct {
	At     time.Time       `json:"at"`
	Kind   RefundKind      `json:"kind"`
	Amount decimal.Decimal `json:"amount"`
	Status RefundStatus    `json:"status"`
	Body   json.RawMessage `json:"body"` // the very bytes received; not to be changed
}

// order is an order as the simulator keeps it.
type order struct {
	Order
	items         []item
	tax           decimal.Decimal
	payload       map[string]any
	callback      string
	organization  string // of its terminal
	refunds       []*refund
	views         views
	confirmedPaid bool // a payment-status has answered orderPaymentConfirmed

	stopCustomer func() // cancels what the customer is about to do
	stopShowing  func()
	stopExpiry   func()
}

// item is a product line of an order.
type item struct {
	id     int64
	fields map[string]any
	amount decimal.Decimal // a fraction of an øre rounded up, so that all of it can be refunded
}

// refund is a refund as the simulator keeps it.
type refund struct {
	Refund
	parts   []part
	history view[RefundStatus]
}

// part is the amount that is refunded of one product line.
type part struct {
	id     int64
	amount decimal.Decimal
}

// open reports whether the refund may still move money or has moved it.
func (r *refund) open() bool { return r.Status != RefundRejected }

// pending returns the order's refund of one kind that is not decided, nil if none is.
func (o *order) pending(kind RefundKind) *refund {
	for _, r := range o.refunds {
		if r.Status == RefundPending && r.Kind == kind {
			return r
		}
	}
	return nil
}

// left returns the amount of the order that is neither refunded nor about to be.
func (o *order) left() decimal.Decimal {
	left := o.Amount
	for _, r := range o.refunds {
		if r.open() {
			left = minus(left, r.Amount)
		}
	}
	return left
}

// leftOf returns the same for one product line.
func (o *order) leftOf(it item) decimal.Decimal {
	left := it.amount
	for _, r := range o.refunds {
		for _, p := range r.parts {
			if r.open() && p.id == it.id {
				left = minus(left, p.amount)
			}
		}
	}
	return left
}

// refunded returns the amount that has been refunded.
func (o *order) refunded() decimal.Decimal {
	var sum decimal.Decimal
	for _, r := range o.refunds {
		if r.Status == RefundDone {
			sum = plus(sum, r.Amount)
		}
	}
	return sum
}

// item finds a product line by its numeric id.
func (o *order) item(id int64) (item, bool) {
	i := slices.IndexFunc(o.items, func(it item) bool { return it.id == id })
	if i < 0 {
		return item{}, false
	}
	return o.items[i], true
}

// snapshot copies an order for the outside.
func (o *order) snapshot() Order {
	out := o.Order
	out.Calls = maps.Clone(o.Calls)
	out.Callbacks = slices.Clone(o.Callbacks)
	out.Refunds = make([]Refund, len(o.refunds))
	for i, r := range o.refunds {
		out.Refunds[i] = r.Refund
	}
	return out
}

// Orders returns all orders, in order of creation.
func (s *Simulator) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return snapshots(s.list)
}

// OrdersByReference returns the orders that have mark as referenceNo, as
// customerReference or as the last path segment of callbackUrl.
func (s *Simulator) OrdersByReference(mark string) []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	return snapshots(s.byRef[mark])
}

// Order returns the order with that uuid, and false if there is none.
func (s *Simulator) Order(uuid string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.orders[uuid]
	if o == nil {
		return Order{}, false
	}
	return o.snapshot(), true
}

func snapshots(list []*order) []Order {
	out := make([]Order, len(list))
	for i, o := range list {
		out[i] = o.snapshot()
	}
	return out
}

// references returns what a create payload has where a caller can put a mark of its
// own that comes back: the two references, and the callback's last segment.
func references(payload map[string]any) []string {
	var refs []string
	add := func(s string) {
		if s != "" && !slices.Contains(refs, s) {
			refs = append(refs, s)
		}
	}
	inv, _ := payload["invoiceReferences"].(map[string]any)
	for _, key := range []string{"referenceNo", "customerReference"} {
		ref, _ := inv[key].(string)
		add(ref)
	}
	if raw, _ := payload["callbackUrl"].(string); raw != "" {
		if u, err := url.Parse(raw); err == nil && len(u.Path) > 1 {
			add(path.Base(u.Path))
		}
	}
	return refs
}

// plus and minus are exact: amounts have been checked to have at most two decimals
// and twelve digits before them, far from decimal's nineteen.
func plus(a, b decimal.Decimal) decimal.Decimal  { return must(a.Add(b)) }
func minus(a, b decimal.Decimal) decimal.Decimal { return must(a.Sub(b)) }

func must(d decimal.Decimal, err error) decimal.Decimal {
	if err != nil {
		panic("simulator: an amount out of range passed the door: " + err.Error())
	}
	return d
}
