package simulator

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Fault is one line of the fault script: which calls it matches, which of those it
// hits, and what happens to them. Of several faults that match a call, the one
// injected first hits it.
type Fault struct {
	Operation Operation // "" is every one but OpCallback
	Terminal  string    // uuid; "" is every one
	Order     string    // uuid; "" is every one
	// Reference narrows to orders that have it as referenceNo, customerReference or
	// last path segment of callbackUrl; on create, to bodies that do.
	Reference string

	// Skip lets that many matching calls pass first.
	Skip int
	// Every hits only every nth of the rest; 0 and 1 are all of them.
	Every int
	// Probability, from 0 to 1, hits each with that chance, drawn from
	// Options.Seed; 0 is always.
	Probability float64
	// Times is how many calls it hits: a negative number is no limit, 0 is one,
	// or no limit where Every, Probability or For is set.
	Times int
	// For ends the fault that long after it was injected; 0 never does.
	For time.Duration

	Do Action
}

// Kind says what a fault does.
type Kind string

// The kinds of faults. "Acts" means that the call does its work before it goes wrong.
const (
	KindDelay          Kind = "delay"            // acts and answers, late
	KindDropBefore     Kind = "drop_before"      // closes the connection without acting
	KindDropAfter      Kind = "drop_after"       // acts, closes the connection without a byte of reply
	KindHalfReply      Kind = "half_reply"       // acts, closes the connection in the middle of the reply
	KindRefuse         Kind = "refuse"           // refuses without acting, in the API's envelope
	KindStatus         Kind = "status"           // answers anything without acting
	KindUnauthorized   Kind = "unauthorized"     // 401 without acting
	KindRateLimited    Kind = "rate_limited"     // 429 with Retry-After, without acting
	KindRedirect       Kind = "redirect"         // redirects to the very same address, without acting
	KindBusyReply      Kind = "busy_reply"       // says terminalIsBusy without acting
	KindBusyButCreated Kind = "busy_but_created" // acts, and says terminalIsBusy all the same
	KindUnder200       Kind = "under_200"        // acts; HTTP 200 whatever status_code says
	KindGarbage        Kind = "garbage"          // acts; the reply is unreadable
	KindPage           Kind = "page"             // a proxy's page, without acting
	KindContradict     Kind = "contradict"       // acts; the reply says both yes and no
	KindRefuseNaming   Kind = "refuse_naming"    // refuses without acting, and names the customer
	KindRepeat         Kind = "repeat"           // of a callback: made several times
)

var kinds = []Kind{
	KindDelay, KindDropBefore, KindDropAfter, KindHalfReply, KindRefuse, KindStatus, KindUnauthorized,
	KindRateLimited, KindRedirect, KindBusyReply, KindBusyButCreated, KindUnder200, KindGarbage,
	KindPage, KindContradict, KindRefuseNaming, KindRepeat,
}

// Action is what a fault does. The functions of this package that return one build
// every kind; Wait, WaitReply and WithoutActing may be set on any of them.
type Action struct {
	Kind Kind
	// Wait passes before anything happens, WaitReply after acting and before the
	// reply. The call acts even if the client has gone in the meantime.
	Wait, WaitReply time.Duration
	// WithoutActing makes a reply of garbage or contradict to a call that does nothing.
	WithoutActing bool

	Code       int           // HTTP status of refuse, status, redirect, page and contradict; of garbage and refuse_naming, where not 0
	StatusText string        // status_message of refuse
	Message    string        // message of refuse, contradict and refuse_naming
	Body       string        // body of status, as it is
	RetryAfter time.Duration // of rate_limited and contradict, in whole seconds
	Garbage    Garbage
	Side       Side // of contradict
	Copies     int  // of repeat: how often the callback is made beyond the first time, WaitReply apart
}

// Refuse refuses without acting: HTTP status and status_code are code.
func Refuse(code int, statusMessage, message string) Action {
	return Action{Kind: KindRefuse, Code: code, StatusText: statusMessage, Message: message}
}

// Status answers with any HTTP status and body, without acting.
func Status(code int, body string) Action { return Action{Kind: KindStatus, Code: code, Body: body} }

// Delay acts d after the call has arrived, and then answers.
func Delay(d time.Duration) Action { return Action{Kind: KindDelay, Wait: d} }

// DelayReply acts at once and answers d later.
func DelayReply(d time.Duration) Action { return Action{Kind: KindDelay, WaitReply: d} }

// DropBefore closes the connection without acting.
func DropBefore() Action { return Action{Kind: KindDropBefore} }

// DropAfter acts and closes the connection without a byte of reply.
func DropAfter() Action { return Action{Kind: KindDropAfter} }

// HalfReply acts, sends all headers and half the body, and closes the connection.
func HalfReply() Action { return Action{Kind: KindHalfReply} }

// Unreadable acts and sends garbage.
func Unreadable(g Garbage) Action { return Action{Kind: KindGarbage, Garbage: g} }

// RateLimited answers 429 with Retry-After in whole seconds, without acting.
func RateLimited(retryAfter time.Duration) Action {
	return Action{Kind: KindRateLimited, RetryAfter: retryAfter}
}

// Unauthorized answers 401 without acting.
func Unauthorized() Action { return Action{Kind: KindUnauthorized} }

// Redirect answers code (307 or 308) with the call's own address as the target,
// without acting: a client that follows repeats the call.
func Redirect(code int) Action { return Action{Kind: KindRedirect, Code: code} }

// Under200 acts and answers under HTTP 200; a failure shows in status_code only.
func Under200() Action { return Action{Kind: KindUnder200} }

// BusyReply says terminalIsBusy without acting.
func BusyReply() Action { return Action{Kind: KindBusyReply} }

// BusyButCreated acts, and where that succeeds says terminalIsBusy all the same.
func BusyButCreated() Action { return Action{Kind: KindBusyButCreated} }

// Repeat makes a callback copies times more, each apart from the last.
func Repeat(copies int, apart time.Duration) Action {
	return Action{Kind: KindRepeat, Copies: copies, WaitReply: apart}
}

// Validate returns what is wrong with a fault; nil if it can be injected.
func (f Fault) Validate() error {
	switch {
	case !slices.Contains(kinds, f.Do.Kind):
		return noSuch("fault: no such kind", f.Do.Kind, kinds...)
	case f.Do.Kind == KindGarbage && !slices.Contains(garbages, f.Do.Garbage):
		return noSuch("fault: no such garbage", f.Do.Garbage, garbages...)
	case f.Do.Kind == KindRedirect && f.Do.Code != 307 && f.Do.Code != 308:
		return fmt.Errorf("simulator: fault: a redirect's code is 307 or 308, not %d", f.Do.Code)
	case f.Do.Kind == KindContradict && !slices.Contains(sides, f.Do.Side):
		return noSuch("fault: no such side", f.Do.Side, SideHTTP, SideBody)
	case f.Do.Kind == KindRepeat && (f.Operation != OpCallback || f.Do.Copies < 1 || f.Do.Copies > maxCopies):
		return fmt.Errorf("simulator: fault: only a callback is repeated, 1 to %d times", maxCopies)
	case (f.Do.hasCode() || f.Do.Code != 0) && (f.Do.Code < 200 || f.Do.Code > 599):
		return fmt.Errorf("simulator: fault: no HTTP status %d", f.Do.Code)
	case f.Operation != "" && !slices.Contains(operations(), f.Operation):
		return noSuch("fault: no such operation", f.Operation, operations()...)
	case f.Skip < 0 || f.Every < 0 || f.Probability < 0 || f.Probability > 1 || f.For < 0 || f.Do.Wait < 0 || f.Do.WaitReply < 0:
		return fmt.Errorf("simulator: fault: a negative count or time, or a probability over 1")
	}
	return nil
}

// maxCopies bounds how often one callback is repeated.
const maxCopies = 100

// hasCode reports whether a kind is nothing without a code.
func (a Action) hasCode() bool {
	return slices.Contains([]Kind{KindRefuse, KindStatus, KindPage, KindContradict}, a.Kind)
}

// operations returns those of the API, and the callback.
func operations() []Operation {
	all := []Operation{OpCallback}
	for _, r := range routes {
		all = append(all, r.op)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// noSuch returns the error for a word that is none of the valid ones.
func noSuch[T ~string](what string, got T, valid ...T) error {
	var words []string
	for _, w := range valid {
		words = append(words, string(w))
	}
	return fmt.Errorf("simulator: %s %q; it must be one of %s", what, got, strings.Join(words, ", "))
}

// fault is a line of the script with its counters.
type fault struct {
	Fault
	ends time.Time // zero: never
	seen int       // matching calls so far
	hits int       // calls hit so far
}

// over reports whether the fault's time has passed.
func (f *fault) over() bool { return !f.ends.IsZero() && !time.Now().Before(f.ends) }

// Inject adds a line to the fault script, in force from the next call on. It panics
// on a fault that Validate refuses.
func (s *Simulator) Inject(f Fault) {
	if err := f.Validate(); err != nil {
		panic(err)
	}
	s.inject(f)
}

// inject adds a valid fault.
func (s *Simulator) inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
		if f.Every > 1 || f.Probability > 0 || f.For > 0 {
			f.Times = -1
		}
	}
	line := &fault{Fault: f}
	if f.For > 0 {
		line.ends = time.Now().Add(f.For)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, line)
}

// ClearFaults empties the script.
func (s *Simulator) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Faults returns the lines of the script that are not used up.
func (s *Simulator) Faults() []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dropOver()
	out := make([]Fault, len(s.faults))
	for i, f := range s.faults {
		out[i] = f.Fault
		if f.Times > 0 {
			out[i].Times = f.Times - f.hits
		}
		if f.For > 0 {
			out[i].For = time.Until(f.ends)
		}
	}
	return out
}

// dropOver removes the lines whose time has passed. The lock is held.
func (s *Simulator) dropOver() { s.faults = slices.DeleteFunc(s.faults, (*fault).over) }

// takeFault returns what a fault does to a call, the zero Action if none hits it.
// Lines that are used up are removed. The lock is held.
func (s *Simulator) takeFault(op Operation, terminal, uuid string, refs []string) Action {
	s.dropOver()
	for i, f := range s.faults {
		if !f.fits(op, terminal, uuid, refs) {
			continue
		}
		f.seen++
		n := f.seen - f.Skip
		if n <= 0 || (f.Every > 1 && n%f.Every != 0) || (f.Probability > 0 && s.rng.Float64() >= f.Probability) {
			continue
		}
		f.hits++
		if f.hits == f.Times {
			s.faults = slices.Delete(s.faults, i, i+1)
		}
		return f.Do
	}
	return Action{}
}

// fits reports whether a call matches the fault.
func (f *fault) fits(op Operation, terminal, uuid string, refs []string) bool {
	if f.Operation == "" && op == OpCallback {
		return false
	}
	return (f.Operation == "" || f.Operation == op) &&
		(f.Terminal == "" || f.Terminal == terminal) &&
		(f.Order == "" || f.Order == uuid) &&
		(f.Reference == "" || slices.Contains(refs, f.Reference))
}
