package simulator

import (
	"net/http"
	"slices"
	"time"

	"github.com/govalues/decimal"
)

// Options says what a [Simulator] is. The zero value works: no token is asked
// for, there are no terminals, and every customer pays at once.
type Options struct {
	// Token is the bearer token that calls must carry; "" accepts any or none.
	Token string
	// Merchants has the organisation of each further token: who calls with one sees the
	// terminals and orders of that organisation alone. Token, where it is set, sees all.
	Merchants map[string]string
	// Organization is the uuid whose terminals are listed; "" accepts any.
	Organization string
	// Terminals are there from the start; see also AddTerminal.
	Terminals []Terminal
	// Customer is what customers do with an order on a terminal that has no
	// customer of its own; the zero value pays at once.
	Customer Customer
	// RefundCustomer is the same for refunds; the zero value is refunded at once.
	RefundCustomer Customer
	// Approver decides on refund approvals; the zero value never decides.
	Approver Approver
	// ShowFor is how long a terminal shows an order that nobody acts on. After that the
	// terminal is free, and the order stays SENT until it is sent again or ended.
	// 0 shows it until it ends.
	ShowFor time.Duration
	// ExpireAfter ends an order that is still SENT that long after its creation as
	// EXPIRED; 0 never does.
	ExpireAfter time.Duration
	// Clock dates orders, payments and replies; nil is time.Now.
	Clock func() time.Time
	// Location is where "today" is, for orderDate; nil is Europe/Oslo, or UTC where
	// the system has no time zones.
	Location *time.Location
	// Currency is what callbacks call the money; "" is NOK.
	Currency string
	// Thresholds above which a refund needs an approval; nil is over NOK 5000 and
	// over three a week.
	Thresholds *Thresholds
	// Callbacks makes the callback calls; nil makes none. Redirects are not followed.
	Callbacks *http.Client
	// CallbacksAnywhere allows callbacks to other hosts than the loopback ones.
	CallbacksAnywhere bool
	// RateLimit is how many calls a minute are answered; beyond them the reply is
	// 429 with Retry-After. 0 is no limit, and then no x-ratelimit headers either.
	RateLimit int
	// Lookups reports whether the operations on orders of all kinds (list, status and
	// details under connect/orders) show terminal orders; the zero value shows them.
	Lookups Lookups
	// Lag is how late each reading operation shows what happened; the zero value is
	// at once. See also SetLag.
	Lag Lag
	// NewestFirst makes the list of all order statuses begin with the newest order.
	NewestFirst bool
	// Unsaid is what the API does where no document says it; the zero value is what the
	// documents let one expect. New panics where SetUnsaid would refuse it.
	Unsaid Unsaid
	// NegativeHistory makes a payment history write refunds as amounts below zero.
	NegativeHistory bool
	// DetailedErrors names the faulty fields in the errors of a 417, as an object of
	// lists. Without it errors is the string "Array", as in the documents.
	DetailedErrors bool
	// Seed makes order uuids and faults by probability repeatable; 0 is random.
	Seed uint64
}

// withDefaults fills what may be left out.
func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Location == nil {
		o.Location = time.UTC
		if loc, err := time.LoadLocation("Europe/Oslo"); err == nil {
			o.Location = loc
		}
	}
	if o.Currency == "" {
		o.Currency = "NOK"
	}
	if o.Thresholds == nil {
		t := DefaultThresholds()
		o.Thresholds = &t
	}
	return o
}

// Thresholds are the limits above which a refund is refused with the advice to
// ask for an approval.
type Thresholds struct {
	// Amount is the largest refund, in kroner, that needs no approval; zero or less
	// is no limit.
	Amount decimal.Decimal
	// PerWeek is how many refunds of the organisation, not counting rejected ones,
	// seven days may hold without an approval; zero or less is no limit.
	PerWeek int
}

// DefaultThresholds are NOK 5000 and three a week.
func DefaultThresholds() Thresholds {
	return Thresholds{Amount: decimal.MustNew(5000, 0), PerWeek: 3}
}

// Lookups says how the operations order_statuses, order_status and order_details
// treat terminal orders: it is not confirmed that the real ones show them.
type Lookups string

// The ways to treat terminal orders in look-ups.
const (
	LookupsShown     Lookups = ""          // they are found
	LookupsForbidden Lookups = "forbidden" // the operations answer 403
	LookupsHidden    Lookups = "hidden"    // they answer 404, as if there were no orders
)

// Deed is what a customer does with what the terminal shows.
type Deed string

// The deeds of customers. For a refund, Pays is that it is carried out and
// Declines that it fails.
const (
	Pays      Deed = ""
	Declines  Deed = "declines"
	WalksAway Deed = "walks_away" // never answers
)

// Customer is a customer's deed and how long after the terminal's first showing it
// is done. After 0 it is done before the reply to the call is sent.
type Customer struct {
	Deed  Deed
	After time.Duration
}

// validate reports whether the deed is one.
func (c Customer) validate() error {
	if !slices.Contains([]Deed{Pays, Declines, WalksAway}, c.Deed) {
		return noSuch("no such deed", string(c.Deed), "pays", "declines", string(WalksAway))
	}
	return nil
}

// Pay returns a customer who pays that long after the terminal asks.
func Pay(after time.Duration) Customer { return Customer{Deed: Pays, After: after} }

// Decline returns a customer whose payment fails that long after the terminal asks.
func Decline(after time.Duration) Customer { return Customer{Deed: Declines, After: after} }

// WalkAway returns a customer who never answers.
func WalkAway() Customer { return Customer{Deed: WalksAway} }

// Decision is what becomes of a request for a refund approval.
type Decision string

// The decisions of an approver.
const (
	Undecided Decision = ""
	Grants    Decision = "grants"
	Denies    Decision = "denies"
)

// Approver decides on refund approvals, that long after they are asked for.
type Approver struct {
	Decision Decision
	After    time.Duration
}

// Grant returns an approver who carries the refund out after that time.
func Grant(after time.Duration) Approver { return Approver{Decision: Grants, After: after} }

// Deny returns an approver who rejects it after that time.
func Deny(after time.Duration) Approver { return Approver{Decision: Denies, After: after} }
