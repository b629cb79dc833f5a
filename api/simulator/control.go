package simulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
)

// Control returns the handler by which a person or a script steers a simulator that
// runs in another process. It has no authentication and shows all orders with what
// they hold: mount it on a loopback port of its own. Requests that a browser makes on
// behalf of another site are refused. Durations are strings ("1.5s"), unknown
// members are refused, and an error is {"error": "…"}.
//
// Read:
//
//	curl localhost:9731/orders
//	curl 'localhost:9731/orders?reference=till-17&terminal=TRML1&status=PAID'
//	curl localhost:9731/orders/ODR1234567890
//	curl localhost:9731/calls                 # the last thousand
//	curl localhost:9731/terminals
//	curl localhost:9731/faults
//
// Change:
//
//	curl localhost:9731/faults -d '{"operation":"create","times":2,"kind":"drop_after"}'
//	curl localhost:9731/faults -d '{"kind":"delay","wait":"3s","every":5}'
//	curl localhost:9731/faults -d '{"operation":"refund","kind":"refuse","code":400,"statusText":"Conflict of Business Logic","message":"orderProductsNotFound"}'
//	curl -X DELETE localhost:9731/faults
//	curl localhost:9731/customers -d '{"deed":"pays","after":"4s"}'
//	curl localhost:9731/customers -d '{"terminal":"TRML1","deed":"walks_away","next":true}'
//	curl localhost:9731/customers -d '{"terminal":"TRML1","deed":"declines","refunds":true}'
//	curl localhost:9731/approver -d '{"decision":"grants","after":"10s"}'
//	curl localhost:9731/busy -d '{"terminal":"TRML1","busy":true,"for":"20s"}'
//	curl localhost:9731/down -d '{"down":true}'
//	curl localhost:9731/lookups -d '{"lookups":"forbidden"}'
//	curl localhost:9731/lag -d '{"list":"10s","details":"2s","history":"1m"}'
//	curl localhost:9731/books -d '{"newestFirst":true,"negativeHistory":true}'
//	curl localhost:9731/unsaid -d '{"pendingBooks":"WAITING","refundStatusBy":"GET","busyStores":true}'
//	curl localhost:9731/faults -d '{"kind":"page","code":502,"for":"2m"}'
//	curl localhost:9731/orders -d '{"terminal":"TRML1","amount":"42.00","status":"PAID"}'
//	curl localhost:9731/orders/ODR1234567890/refunds -d '{"amount":"42.00","deed":"pays","after":"4s"}'
//	curl localhost:9731/orders/ODR1234567890/callbacks -d '{"order":"ODR9","approved":true,"amount":"1.00"}'
//	curl localhost:9731/terminals -d '{"uuid":"TRML3","name":"Kiosk"}'
//	curl -X DELETE localhost:9731/terminals/TRML3
//	curl localhost:9731/orders/ODR1234567890 -d '{"deed":"pays"}'
//	curl localhost:9731/orders/ODR1234567890 -d '{"status":"INVOICED"}'
func (s *Simulator) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders", s.controlOrders)
	mux.HandleFunc("GET /orders/{uuid}", s.controlOrder)
	mux.HandleFunc("GET /calls", func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, s.Calls()) })
	mux.HandleFunc("GET /terminals", func(w http.ResponseWriter, _ *http.Request) {
		list := []wireTerminal{}
		for _, t := range s.Terminals() {
			list = append(list, wireTerminal(t))
		}
		writeJSON(w, http.StatusOK, list)
	})
	mux.HandleFunc("GET /faults", func(w http.ResponseWriter, _ *http.Request) {
		list := []wireFault{}
		for _, f := range s.Faults() {
			list = append(list, wireOf(f))
		}
		writeJSON(w, http.StatusOK, list)
	})
	mux.HandleFunc("DELETE /faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /terminals/{uuid}", func(w http.ResponseWriter, r *http.Request) {
		s.RemoveTerminal(r.PathValue("uuid"))
		w.WriteHeader(http.StatusNoContent)
	})
	post(mux, "/faults", func(_ *http.Request, f wireFault) error { return s.controlFault(f) })
	post(mux, "/customers", func(_ *http.Request, c wireCustomer) error { return s.controlCustomer(c) })
	post(mux, "/approver", func(_ *http.Request, a wireApprover) error { return s.controlApprover(a) })
	post(mux, "/busy", func(_ *http.Request, b wireBusy) error { return s.hold(b.Terminal, b.Busy, b.For.d()) })
	post(mux, "/down", func(_ *http.Request, d wireDown) error { return s.SetDown(d.Down) })
	post(mux, "/lookups", func(_ *http.Request, l wireLookups) error { return s.controlLookups(l) })
	s.controlBooks(mux)
	post(mux, "/terminals", func(_ *http.Request, t wireTerminal) error {
		if t.UUID == "" {
			return errors.New("simulator: a terminal needs a uuid")
		}
		s.AddTerminal(Terminal(t))
		return nil
	})
	post(mux, "/orders/{uuid}", func(r *http.Request, c wireChange) error {
		if (c.Deed == nil) == (c.Status == nil) {
			return errors.New("simulator: an order is changed by either deed or status")
		}
		if c.Deed != nil {
			return s.Settle(r.PathValue("uuid"), c.Deed.deed())
		}
		return s.SetStatus(r.PathValue("uuid"), *c.Status)
	})
	return http.NewCrossOriginProtection().Handler(mux)
}

// controlOrders lists the orders that match all of the query.
func (s *Simulator) controlOrders(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := s.Orders()
	if ref := q.Get("reference"); ref != "" {
		list = s.OrdersByReference(ref)
	}
	list = slices.DeleteFunc(list, func(o Order) bool {
		return (q.Has("terminal") && q.Get("terminal") != o.Terminal) ||
			(q.Has("status") && q.Get("status") != string(o.Status))
	})
	writeJSON(w, http.StatusOK, list)
}

// controlOrder shows one order.
func (s *Simulator) controlOrder(w http.ResponseWriter, r *http.Request) {
	o, ok := s.Order(r.PathValue("uuid"))
	if !ok {
		writeError(w, errUnknownOrder)
		return
	}
	writeJSON(w, http.StatusOK, o)
}

// controlFault adds a fault.
func (s *Simulator) controlFault(f wireFault) error {
	in := f.fault()
	if err := in.Validate(); err != nil {
		return err
	}
	s.inject(in)
	return nil
}

// controlCustomer sets a customer.
func (s *Simulator) controlCustomer(c wireCustomer) error {
	customer := Customer{Deed: c.Deed.deed(), After: c.After.d()}
	if err := customer.validate(); err != nil {
		return err
	}
	switch {
	case c.Next && c.Refunds:
		return errors.New("simulator: next is for orders, not for refunds")
	case c.Next:
		return s.SetNextCustomers(c.Terminal, customer)
	case c.Refunds:
		return s.SetRefundCustomer(c.Terminal, customer)
	default:
		return s.SetCustomer(c.Terminal, customer)
	}
}

// controlApprover sets the approver.
func (s *Simulator) controlApprover(a wireApprover) error {
	if !slices.Contains([]Decision{Undecided, Grants, Denies}, a.Decision) {
		return noSuch("no such decision", a.Decision, Grants, Denies)
	}
	s.SetApprover(Approver{Decision: a.Decision, After: a.After.d()})
	return nil
}

// controlLookups sets how look-ups treat terminal orders.
func (s *Simulator) controlLookups(l wireLookups) error {
	if l.Lookups == "shown" {
		l.Lookups = LookupsShown
	}
	if !slices.Contains([]Lookups{LookupsShown, LookupsForbidden, LookupsHidden}, l.Lookups) {
		return noSuch("no such way to treat look-ups", l.Lookups, "shown", LookupsForbidden, LookupsHidden)
	}
	s.SetLookups(l.Lookups)
	return nil
}

// post serves a change: 204 when it is made, 404 for what is not there, 400 for
// anything else.
func post[T any](mux *http.ServeMux, path string, change func(*http.Request, T) error) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var v T
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		d.DisallowUnknownFields()
		err := d.Decode(&v)
		switch {
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("simulator: a JSON object is needed; it takes %s", members[T]())
		case err != nil && strings.Contains(err.Error(), "unknown field"): // encoding/json has no type for it
			err = fmt.Errorf("simulator: %w; it takes %s", err, members[T]())
		}
		if err == nil {
			err = change(r, v)
		}
		if err != nil {
			writeError(w, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// members returns the names that an object may hold.
func members[T any]() string {
	var names []string
	for f := range reflect.TypeFor[T]().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

// writeError answers with an error.
func writeError(w http.ResponseWriter, err error) {
	code := http.StatusBadRequest
	if errors.Is(err, errUnknownOrder) || errors.Is(err, errUnknownTerminal) {
		code = http.StatusNotFound
	}
	writeJSON(w, code, map[string]string{"error": err.Error()})
}

// writeJSON answers with a value.
func writeJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	_ = enc.Encode(v) // a client that has gone is its own affair
}
