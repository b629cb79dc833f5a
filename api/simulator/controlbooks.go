package simulator

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/govalues/decimal"
)

// The bodies of what the control changes in the books, and in how they are shown.
type (
	wireLag struct {
		List         duration `json:"list"`
		Details      duration `json:"details"`
		Status       duration `json:"status"`
		RefundStatus duration `json:"refundStatus"`
		History      duration `json:"history"`
		References   duration `json:"references"`
		NoReferences bool     `json:"noReferences"`
		Numbers      duration `json:"numbers"`
		NoNumbers    bool     `json:"noNumbers"`
	}
	wireBooks struct {
		NewestFirst     bool `json:"newestFirst"`
		NegativeHistory bool `json:"negativeHistory"`
	}
	wireUnsaid struct {
		PendingPayment string `json:"pendingPayment"`
		PendingBooks   string `json:"pendingBooks"`
		RefundStatusBy string `json:"refundStatusBy"`
		BusyStores     bool   `json:"busyStores"`
	}
	wireElsewhere struct {
		Terminal  string      `json:"terminal"`
		Amount    wireAmount  `json:"amount"`
		Status    OrderStatus `json:"status"`
		Reference string      `json:"reference"`
	}
	wireRefund struct {
		Amount wireAmount `json:"amount"`
		Deed   wireDeed   `json:"deed"`
		After  duration   `json:"after"`
	}
	wireForgery struct {
		Order    string     `json:"order"`
		Approved bool       `json:"approved"`
		Refund   bool       `json:"refund"`
		Amount   wireAmount `json:"amount"`
	}
)

// wireAmount is money as text, such as "42.00".
type wireAmount struct{ decimal.Decimal }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *wireAmount) UnmarshalText(text []byte) error {
	d, err := decimal.Parse(string(text))
	if err != nil {
		return errors.New(`simulator: an amount is a string like "42.00"`)
	}
	a.Decimal = d
	return nil
}

// controlBooks serves the changes of the books that the API itself has no call for,
// and of how it shows them.
func (s *Simulator) controlBooks(mux *http.ServeMux) {
	post(mux, "/lag", func(_ *http.Request, l wireLag) error {
		s.SetLag(l.lag())
		return nil
	})
	post(mux, "/books", func(_ *http.Request, b wireBooks) error {
		s.SetNewestFirst(b.NewestFirst)
		s.SetNegativeHistory(b.NegativeHistory)
		return nil
	})
	post(mux, "/unsaid", func(_ *http.Request, u wireUnsaid) error { return s.SetUnsaid(Unsaid(u)) })
	post(mux, "/orders", func(_ *http.Request, e wireElsewhere) error {
		_, err := s.PlaceElsewhere(Elsewhere{Terminal: e.Terminal, Amount: e.Amount.Decimal, Status: e.Status, Reference: e.Reference})
		return err
	})
	post(mux, "/orders/{uuid}/refunds", func(r *http.Request, f wireRefund) error {
		c, err := f.customer()
		if err != nil {
			return err
		}
		return s.RefundElsewhere(r.PathValue("uuid"), f.Amount.Decimal, c)
	})
	post(mux, "/orders/{uuid}/callbacks", func(r *http.Request, f wireForgery) error {
		return s.Forge(r.PathValue("uuid"), Forgery{Order: f.Order, Approved: f.Approved, Refund: f.Refund, Amount: f.Amount.Decimal})
	})
}

func (l wireLag) lag() Lag {
	lag := Lag{
		List: l.List.d(), Details: l.Details.d(), Status: l.Status.d(), RefundStatus: l.RefundStatus.d(), History: l.History.d(),
		References: l.References.d(), Numbers: l.Numbers.d(),
	}
	if l.NoReferences {
		lag.References = -1
	}
	if l.NoNumbers {
		lag.Numbers = -1
	}
	return lag
}

func (f wireRefund) customer() (Customer, error) {
	c := Customer{Deed: f.Deed.deed(), After: f.After.d()}
	if err := c.validate(); err != nil {
		return Customer{}, fmt.Errorf("a refund: %w", err)
	}
	return c, nil
}
