package simulator

import (
	"encoding/json"
	"fmt"
	"time"
)

// duration is a time.Duration written as a string.
type duration time.Duration

func (d duration) d() time.Duration { return time.Duration(d) }

// MarshalJSON implements json.Marshaler.
func (d duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.d().String()) }

// UnmarshalJSON implements json.Unmarshaler. Negative durations are refused.
func (d *duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf(`simulator: a duration is a string like "1.5s": %w`, err)
	}
	v, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	if v < 0 {
		return fmt.Errorf("simulator: %s is no time to wait", text)
	}
	*d = duration(v)
	return nil
}

// wireDeed is a Deed in which paying has a name.
type wireDeed string

func (w wireDeed) deed() Deed {
	if w == "pays" {
		return Pays
	}
	return Deed(w)
}

// The bodies of the control's changes; see Control for examples.
type (
	wireCustomer struct {
		Terminal string   `json:"terminal"`
		Deed     wireDeed `json:"deed"`
		After    duration `json:"after"`
		Next     bool     `json:"next"`
		Refunds  bool     `json:"refunds"`
	}
	wireApprover struct {
		Decision Decision `json:"decision"`
		After    duration `json:"after"`
	}
	wireBusy struct {
		Terminal string   `json:"terminal"`
		Busy     bool     `json:"busy"`
		For      duration `json:"for"`
	}
	wireDown struct {
		Down bool `json:"down"`
	}
	wireLookups struct {
		Lookups Lookups `json:"lookups"`
	}
	wireTerminal struct {
		UUID         string `json:"uuid"`
		Name         string `json:"name"`
		Inactive     bool   `json:"inactive"`
		Organization string `json:"organization,omitempty"`
	}
	wireChange struct {
		Deed   *wireDeed    `json:"deed"`
		Status *OrderStatus `json:"status"`
	}
)

// wireFault is a Fault with its action, flat.
type wireFault struct {
	Operation     Operation `json:"operation,omitempty"`
	Terminal      string    `json:"terminal,omitempty"`
	Order         string    `json:"order,omitempty"`
	Reference     string    `json:"reference,omitempty"`
	Skip          int       `json:"skip,omitempty"`
	Every         int       `json:"every,omitempty"`
	Probability   float64   `json:"probability,omitempty"`
	Times         int       `json:"times,omitempty"`
	For           duration  `json:"for,omitempty"`
	Kind          Kind      `json:"kind"`
	Wait          duration  `json:"wait,omitempty"`
	WaitReply     duration  `json:"waitReply,omitempty"`
	WithoutActing bool      `json:"withoutActing,omitempty"`
	Code          int       `json:"code,omitempty"`
	StatusText    string    `json:"statusText,omitempty"`
	Message       string    `json:"message,omitempty"`
	Body          string    `json:"body,omitempty"`
	RetryAfter    duration  `json:"retryAfter,omitempty"`
	Garbage       Garbage   `json:"garbage,omitempty"`
	Side          Side      `json:"side,omitempty"`
	Copies        int       `json:"copies,omitempty"`
}

// fault reads a fault from the wire.
func (w wireFault) fault() Fault {
	return Fault{
		Operation: w.Operation, Terminal: w.Terminal, Order: w.Order, Reference: w.Reference,
		Skip: w.Skip, Every: w.Every, Probability: w.Probability, Times: w.Times, For: w.For.d(),
		Do: Action{
			Kind: w.Kind, Wait: w.Wait.d(), WaitReply: w.WaitReply.d(), WithoutActing: w.WithoutActing,
			Code: w.Code, StatusText: w.StatusText, Message: w.Message, Body: w.Body,
			RetryAfter: w.RetryAfter.d(), Garbage: w.Garbage, Side: w.Side, Copies: w.Copies,
		},
	}
}

// wireOf writes a fault for the wire.
func wireOf(f Fault) wireFault {
	return wireFault{
		Operation: f.Operation, Terminal: f.Terminal, Order: f.Order, Reference: f.Reference,
		Skip: f.Skip, Every: f.Every, Probability: f.Probability, Times: f.Times, For: duration(f.For),
		Kind: f.Do.Kind, Wait: duration(f.Do.Wait), WaitReply: duration(f.Do.WaitReply), WithoutActing: f.Do.WithoutActing,
		Code: f.Do.Code, StatusText: f.Do.StatusText, Message: f.Do.Message, Body: f.Do.Body,
		RetryAfter: duration(f.Do.RetryAfter), Garbage: f.Do.Garbage, Side: f.Do.Side, Copies: f.Do.Copies,
	}
}
