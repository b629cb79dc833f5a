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
	"tillpost/internal/notify"
)

const (
	// heartbeatEvery is how often the API is asked while a deadline depends on its answers, or it does not answer.
	heartbeatEvery = 5 * time.Second
	// unreachableAfter is how long after the first call that failed, or is not answered, that becomes a problem.
	unreachableAfter = 10 * time.Second
	healthTick       = time.Second
)

// Health follows whether the API answers and whether it accepts our token, and asks when nobody else does. What counts as
// an answer is a reply in the API's own envelope: a gateway's page, whatever its status, is none. It may be used by several
// goroutines at once.
type Health struct {
	o Options

	mu       sync.Mutex
	answered time.Time // when the last reply in the API's envelope came
	failing  time.Time // of the first call that failed since
	broke    time.Time // of the last call that failed
	limited  time.Time // of the first 429 since any other reply
	unsure   time.Time // when the last submission ended ambiguous, zero once a later call was answered
	cause    string    // of the last connection that could not be made, for the log
	advice   string    // what an operator can do about it, where that is known
	probed   time.Time
	pause    time.Duration // after that
	wake     notify.Signal
}

// Options are what health needs; all of it is required.
type Options struct {
	Answering *clock.Answering
	Problems  *Problems
	Gate      *Gate
	Token     func() error // returns why there is no token to call with
	Up        func(bool)   // is called with whether the last call was answered
	Log       *slog.Logger
	// Rand returns jitter in [0,1), to any goroutine.
	Rand func() float64
}

// New makes a Health that has seen no call yet.
func New(o Options) *Health {
	return &Health{o: o, wake: notify.NewSignal()}
}

// Saw is called with the end of each call that was tried.
func (h *Health) Saw(c api.Call) {
	if c.Operation.Submits() && c.Outcome == api.OutcomeAmbiguous {
		h.Doubted()
	}
	switch {
	case c.FromAPI:
		h.sawReply(c)
		h.o.Up(true)
	case c.Outcome == api.OutcomeUnauthorized, c.Outcome == api.OutcomeRateLimited:
		// Whoever said so answers, and that has problems of its own.
		h.o.Up(c.Replied)
	default:
		h.sawFailure()
	}
	switch c.Outcome {
	case api.OutcomeUnauthorized:
		h.Unauthorized()
	case api.OutcomeRateLimited:
		h.throttled()
	default:
		h.unthrottled()
	}
}

// sawReply takes a reply in the API's own envelope. Deadlines that wait for the API run on only where it said more than that it
// does not let us in, or not now.
func (h *Health) sawReply(c api.Call) {
	if !c.Withheld && !h.o.Gate.IsShut(GateWrongAccount) {
		h.o.Answering.SawReply() // what another account's API says ends no deadline
	}
	h.mu.Lock()
	was := h.failing
	h.answered, h.failing, h.cause, h.advice = time.Now(), time.Time{}, "", ""
	sure := !h.unsure.IsZero() && c.Begun.After(h.unsure)
	if sure {
		h.unsure = time.Time{}
	}
	h.mu.Unlock()
	if sure {
		h.o.Gate.Open(gateUnsure)
	}
	if !was.IsZero() && h.o.Problems.Has(ProblemAPIUnreachable) {
		h.o.Log.Info("the API answers again", "outage", time.Since(was).Round(time.Second))
	}
	h.o.Problems.Clear(ProblemAPIUnreachable, "")
}

// Doubted is called where a submission ended ambiguous: until a later call is answered, nobody knows whether the API gets our
// calls, and no other submission follows it.
func (h *Health) Doubted() {
	h.mu.Lock()
	h.unsure = time.Now()
	h.mu.Unlock()
	h.o.Gate.Shut(gateUnsure)
	h.wake.Set()
}

// CalmAfter is how long after a failed call it is calm again. When an outage is over, a thousand shops are back in the same seconds: what
// they need not do at once, each does at some moment within that time.
const CalmAfter = 30 * time.Second

// FailedSince reports whether a call has failed since t: what was seen before that proves nothing any more.
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
		h.o.Problems.Raise(ProblemRateLimited, "", "Front Payment's API answers that there are too many calls, and nothing else; look what else calls it with this account, or lower api.requests_per_minute", time.Now())
	}
}

func (h *Health) unthrottled() {
	h.mu.Lock()
	h.limited = time.Time{}
	h.mu.Unlock()
	h.o.Problems.Clear(ProblemRateLimited, "")
}

// TokenAccepted reports whether a reply shows that the token is accepted: to be forbidden, or not found, takes a good one too.
func TokenAccepted(c api.Call) bool {
	return c.FromAPI && c.HTTPStatus < 500 && c.Outcome != api.OutcomeUnauthorized && c.Outcome != api.OutcomeRateLimited
}

// sawFailure takes a call that brought no reply of the API's own.
func (h *Health) sawFailure() {
	h.mu.Lock()
	h.broke = time.Now()
	if h.failing.IsZero() {
		h.failing = h.broke
	}
	h.mu.Unlock()
	h.o.Up(false)
	h.wake.Set()
}

// silent reports whether a call has failed, or has not been answered, for so long that it is a problem. waits is since when the
// oldest one waits, zero for none.
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
	why, cause := h.advice, cmp.Or(h.cause, "no reply of its own came")
	h.mu.Unlock()
	if !h.o.Problems.Has(ProblemAPIUnreachable) {
		h.o.Log.Warn("the API does not answer; requests are kept and tried again", "cause", cause+why)
	}
	h.o.Problems.Raise(ProblemAPIUnreachable, "", "Front Payment's API does not answer"+why+"; requests are kept and sent when it does", time.Now())
}

// NoteCause keeps why a call failed, for the log.
func (h *Health) NoteCause(err error) {
	h.mu.Lock()
	h.cause = err.Error()
	h.mu.Unlock()
}

// DialFailed is called where a connection could not be made.
func (h *Health) DialFailed(err error) {
	h.NoteCause(err)
	// A machine whose clock is wrong can't tell a valid certificate, and without a connection the API can't set it right.
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		h.mu.Lock()
		h.advice = fmt.Sprintf(": its certificate is not valid by this machine's clock, which says %s UTC; if that is wrong, set the clock or let NTP do it",
			time.Now().UTC().Format(time.DateTime))
		h.mu.Unlock()
	}
	h.sawFailure()
}

// Unauthorized is called after a 401, or where there was no token to call with: all sending stops, the queueing goes on.
func (h *Health) Unauthorized() {
	cause := "the API does not accept the token"
	if err := h.o.Token(); err != nil {
		cause = err.Error()
	}
	if h.o.Gate.Shut(gateUnauthorized) {
		h.o.Log.Warn("sending stops until the API accepts the token", "cause", cause)
	}
	h.o.Problems.Raise(ProblemUnauthorized, "", cause+"; put a valid token into its place, it is read again by itself", time.Now())
	h.wake.Set()
}

// Authorized is called where the API accepts the token.
func (h *Health) Authorized() {
	if h.o.Gate.Open(gateUnauthorized) {
		h.o.Log.Info("the API accepts the token again")
		h.o.Problems.Clear(ProblemUnauthorized, "")
	}
}

// Run asks the API while something depends on its answering and nothing else calls, until ctx ends. It does not wait for the
// answer: that an API takes a call and keeps silent is a problem before that call is given up. probe makes a call that changes
// nothing; unanswered returns since when the oldest call under way waits, zero while none does.
func (h *Health) Run(ctx context.Context, probe func(context.Context) api.Outcome, unanswered func() time.Time) {
	tick := time.Tick(healthTick)
	var asking atomic.Bool
	var probes sync.WaitGroup
	defer probes.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick:
		case <-h.wake:
		}
		if !asking.Load() && h.due(unanswered()) {
			h.pause = heartbeatEvery
			if h.unprobed() { // as in a thousand shops at once: they don't go on in step
				h.pause -= time.Duration(h.o.Rand() * float64(heartbeatEvery-healthTick))
			}
			h.probed = time.Now()
			asking.Store(true)
			probes.Go(func() {
				defer asking.Store(false)
				probe(ctx)
			})
		}
		if h.silent(unanswered()) {
			h.unreachable()
		}
	}
}

// unprobed reports whether calls fail, and the API was not asked since the first of them did.
func (h *Health) unprobed() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.probed.Before(h.failing)
}

// due reports whether it is time to ask. waits is since when the oldest call under way has waited, zero for none.
func (h *Health) due(waits time.Time) bool {
	if h.unprobed() {
		return true // a first failure is looked into at once
	}
	if time.Since(h.probed) < h.pause {
		return false
	}
	if h.o.Gate.IsShut(gateUnauthorized) || h.o.Problems.Has(ProblemRateLimited) {
		return true
	}
	h.mu.Lock()
	asked := h.answered
	for _, at := range []time.Time{h.broke, waits} {
		if at.After(asked) {
			asked = at
		}
	}
	idle := time.Since(asked) >= h.pause // no search or dial of a lane asks as well
	failing, unsure := !h.failing.IsZero(), !h.unsure.IsZero()
	doubted := unsure && h.probed.Before(h.unsure)
	h.mu.Unlock()
	waited := h.o.Answering.Deadlines() > 0 && h.o.Answering.SilentFor() >= heartbeatEvery
	return doubted || idle && (failing || unsure || waited)
}
