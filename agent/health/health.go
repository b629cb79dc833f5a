package health

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent/clock"
	"tillpost/api"
)

const (
	// heartbeatEvery keeps the API's word fresh while a deadline depends on it.
	heartbeatEvery = 5 * time.Second
	// unreachableAfter is how long after the first call that failed, or is not answered, that becomes a problem.
	unreachableAfter = 10 * time.Second
	healthTick       = time.Second
)

// Health follows whether the API answers and whether it accepts our token, and asks when nobody else does. What counts as
// an answer is a reply in the API's own envelope: a gateway's page, whatever its status, is none.
type Health struct {
	answering *clock.Answering
	problems  *Problems
	gate      *Gate
	token     func() error
	up        func(bool)
	log       *slog.Logger

	mu       sync.Mutex
	answered time.Time // when the last reply in the API's envelope came
	failing  time.Time // of the first call that failed since
	failed   int       // such calls in a row
	broke    time.Time // of the last call that failed
	limited  time.Time // of the first 429 since any other reply
	unsure   time.Time // when the last submission ended ambiguous, zero once a later call was answered
	cause    string    // of the last connection that could not be made, for the log
	why      string    // what an operator can do about it, where that is known
	probed   time.Time
	wake     chan struct{}
}

// Options are what health needs; all of it is required.
type Options struct {
	Answering *clock.Answering
	Problems  *Problems
	Gate      *Gate
	Token     func() error // returns why there is no token to call with
	Up        func(bool)   // is called with whether the last call was answered
	Log       *slog.Logger
}

// Prober asks the API when nobody else does.
type Prober struct {
	// Probe makes a call that changes nothing.
	Probe func(ctx context.Context) api.Outcome
	// Unanswered is since when the oldest call under way waits, zero while none does.
	Unanswered func() time.Time
}

// New makes a health that knows nothing yet.
func New(o Options) *Health {
	return &Health{
		answering: o.Answering, problems: o.Problems, gate: o.Gate, token: o.Token, up: o.Up, log: o.Log,
		wake: make(chan struct{}, 1),
	}
}

// Saw takes the end of a call that was tried.
func (h *Health) Saw(c api.Call) {
	if c.Operation.Submits() && c.Outcome == api.OutcomeAmbiguous {
		h.Doubted()
	}
	switch {
	case c.FromAPI:
		h.heard(c)
		h.up(true)
	case c.Outcome == api.OutcomeUnauthorized, c.Outcome == api.OutcomeRateLimited:
		// Whoever said so was heard, and is told of by other names.
		h.up(c.Replied)
	default:
		h.missed()
	}
	switch c.Outcome {
	case api.OutcomeUnauthorized:
		h.Refused()
	case api.OutcomeRateLimited:
		h.throttled()
	default:
		h.unthrottled()
	}
}

// heard takes a reply in the API's own envelope. Deadlines that wait for the API's word run on only where it said more than
// that it does not let us in, or not now.
func (h *Health) heard(c api.Call) {
	if !c.Withheld && !h.gate.IsShut(GateWrongAccount) {
		h.answering.Saw() // what another account's API says ends no deadline
	}
	h.mu.Lock()
	was := h.failing
	h.answered, h.failing, h.failed, h.cause, h.why = time.Now(), time.Time{}, 0, "", ""
	sure := !h.unsure.IsZero() && c.Begun.After(h.unsure)
	if sure {
		h.unsure = time.Time{}
	}
	h.mu.Unlock()
	if sure {
		h.gate.Open(gateUnsure)
	}
	if !was.IsZero() && h.problems.Has(ProblemAPIUnreachable) {
		h.log.Info("the API answers again", "outage", time.Since(was).Round(time.Second))
	}
	h.problems.Clear(ProblemAPIUnreachable, "")
}

// Doubted takes a submission that ended ambiguous: until a later call is answered, nobody knows whether the API hears us, and
// no other submission follows it.
func (h *Health) Doubted() {
	h.mu.Lock()
	h.unsure = time.Now()
	h.mu.Unlock()
	h.gate.Shut(gateUnsure)
	h.nudge()
}

// FailedSince reports whether a call has failed since a moment: what was seen before that is no evidence any more.
func (h *Health) FailedSince(t time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.broke.After(t)
}

// throttled takes a 429: a problem once nothing else has come for a while.
func (h *Health) throttled() {
	h.mu.Lock()
	if h.limited.IsZero() {
		h.limited = time.Now()
	}
	long := time.Since(h.limited) >= unreachableAfter
	h.mu.Unlock()
	if long {
		h.problems.Raise(ProblemRateLimited, "", "Front Payment's API answers that there are too many calls, and nothing else; look what else calls it with this account, or lower api.requests_per_minute", time.Now())
	}
}

func (h *Health) unthrottled() {
	h.mu.Lock()
	was := h.limited
	h.limited = time.Time{}
	h.mu.Unlock()
	if !was.IsZero() {
		h.problems.Clear(ProblemRateLimited, "")
	}
}

// LetIn tells that a reply is no word against the token: an operation that is forbidden, or not there, needs a good one
// too.
func LetIn(c api.Call) bool {
	return c.FromAPI && c.HTTPStatus < 500 && c.Outcome != api.OutcomeUnauthorized && c.Outcome != api.OutcomeRateLimited
}

// missed takes a call that brought no reply of the API's own.
func (h *Health) missed() {
	h.mu.Lock()
	h.broke = time.Now()
	if h.failing.IsZero() {
		h.failing = h.broke
	}
	h.failed++
	h.mu.Unlock()
	h.up(false)
	h.nudge()
}

// silent reports whether a call has failed, or has not been answered, for so long that it is a problem. waits is since when one
// waits, zero for none.
func (h *Health) silent(waits time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	since := h.failing
	if !waits.IsZero() {
		if waits.Before(h.answered) {
			waits = h.answered
		}
		if since.IsZero() || waits.Before(since) {
			since = waits
		}
	}
	return !since.IsZero() && time.Since(since) >= unreachableAfter
}

func (h *Health) unreachable() {
	h.mu.Lock()
	why, cause := h.why, cmp.Or(h.cause, "no reply of its own came")
	h.mu.Unlock()
	if !h.problems.Has(ProblemAPIUnreachable) {
		h.log.Warn("the API does not answer; requests are kept and tried again", "cause", cause+why)
	}
	h.problems.Raise(ProblemAPIUnreachable, "", "Front Payment's API does not answer"+why+"; requests are kept and sent when it does", time.Now())
}

// Because takes why a connection could not be made.
func (h *Health) Because(err error) {
	h.mu.Lock()
	h.cause = err.Error()
	h.mu.Unlock()
}

// Undialled takes a connection that could not be made.
func (h *Health) Undialled(err error) {
	h.Because(err)
	// A machine whose clock is wrong can't tell a valid certificate, and without a connection the API can't set it right.
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		h.mu.Lock()
		h.why = fmt.Sprintf(": its certificate is not valid by this machine's clock, which says %s UTC; if that is wrong, set the clock or let NTP do it",
			time.Now().UTC().Format(time.DateTime))
		h.mu.Unlock()
	}
	h.missed()
}

// Refused takes a 401, or that there was no token to call with: all sending stops, the queueing goes on.
func (h *Health) Refused() {
	cause := "the API does not accept the token"
	if err := h.token(); err != nil {
		cause = err.Error()
	}
	if h.gate.Shut(gateUnauthorized) {
		h.log.Warn("sending stops until the API accepts the token", "cause", cause)
	}
	h.problems.Raise(ProblemUnauthorized, "", cause+"; put a valid token into its place, it is read again by itself", time.Now())
	h.nudge()
}

// Authorized takes that the API accepts the token.
func (h *Health) Authorized() {
	if h.gate.Open(gateUnauthorized) {
		h.log.Info("the API accepts the token again")
		h.problems.Clear(ProblemUnauthorized, "")
	}
}

func (h *Health) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Run asks the API while something depends on its answering and nothing else calls. It does not wait for the answer: an API
// that takes a call and keeps silent is told of before that call is given up.
func (h *Health) Run(ctx context.Context, p Prober) {
	tick := time.NewTicker(healthTick)
	defer tick.Stop()
	var asking atomic.Bool
	var probes sync.WaitGroup
	defer probes.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-h.wake:
		}
		if !asking.Load() && h.due() {
			h.probed = time.Now()
			asking.Store(true)
			probes.Go(func() {
				defer asking.Store(false)
				p.Probe(ctx)
			})
		}
		if h.silent(p.Unanswered()) {
			h.unreachable()
		}
	}
}

// due tells whether it is time to ask.
func (h *Health) due() bool {
	if time.Since(h.probed) < heartbeatEvery {
		h.mu.Lock()
		defer h.mu.Unlock()
		// A first failure is looked into at once.
		return h.failed == 1 && h.probed.Before(h.failing)
	}
	if h.gate.IsShut(gateUnauthorized) {
		return true
	}
	h.mu.Lock()
	failing := !h.failing.IsZero() || !h.unsure.IsZero()
	h.mu.Unlock()
	return failing || h.answering.Deadlines() > 0 && h.answering.SilentFor() >= heartbeatEvery
}
