package agent

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

	"tillpost/api"
)

const (
	// heartbeatEvery keeps the API's word fresh while a deadline depends on it.
	heartbeatEvery = 5 * time.Second
	// unreachableAfter is the silence after a failed call that makes a problem of it.
	unreachableAfter = 5 * time.Second
	healthTick       = time.Second
)

// health follows whether the API answers and whether it accepts our token, and asks when nobody else does.
type health struct {
	answering *answering
	problems  *problems
	gate      *gate
	probe     func(ctx context.Context) api.Outcome
	token     func() error // why there is no token to call with
	log       *slog.Logger

	mu      sync.Mutex
	failing time.Time // of the first call without a reply since the last one with
	failed  int       // such calls in a row
	cause   string    // of the last connection that could not be made, for the log
	why     string    // what an operator can do about it, where that is known
	probed  time.Time
	wake    chan struct{}
}

func newHealth(a *answering, p *problems, g *gate, log *slog.Logger) *health {
	return &health{answering: a, problems: p, gate: g, log: log, wake: make(chan struct{}, 1)}
}

// saw takes the end of a call, however it came about.
func (h *health) saw(replied bool, outcome api.Outcome) {
	if replied {
		if !h.gate.isShut(gateWrongAccount) {
			h.answering.saw() // what another account's API says ends no deadline
		}
		h.mu.Lock()
		was := h.failing
		h.failing, h.failed, h.cause, h.why = time.Time{}, 0, "", ""
		h.mu.Unlock()
		if !was.IsZero() && h.problems.has(ProblemAPIUnreachable) {
			h.log.Info("the API answers again", "outage", time.Since(was).Round(time.Second))
		}
		h.problems.clear(ProblemAPIUnreachable, "")
	} else if outcome != api.OutcomeUnauthorized && outcome != api.OutcomeRateLimited {
		h.missed()
	}
	if outcome == api.OutcomeUnauthorized {
		h.refused()
	}
}

// letIn tells that a reply is no word against the token: an operation that is forbidden, or not there, needs a good one
// too.
func letIn(c api.Call) bool {
	return c.Replied && c.HTTPStatus < 500 && c.Outcome != api.OutcomeUnauthorized && c.Outcome != api.OutcomeRateLimited
}

// missed takes a call that brought no reply. The second in a row, or five seconds of silence, make it a problem.
func (h *health) missed() {
	h.mu.Lock()
	first := h.failing.IsZero()
	if first {
		h.failing = time.Now()
	}
	h.failed++
	second := h.failed == 2
	h.mu.Unlock()
	if second {
		h.unreachable()
	}
	h.nudge()
}

func (h *health) unreachable() {
	h.mu.Lock()
	why, cause := h.why, cmp.Or(h.cause, "no reply came")
	h.mu.Unlock()
	if !h.problems.has(ProblemAPIUnreachable) {
		h.log.Warn("the API does not answer; requests are kept and tried again", "cause", cause+why)
	}
	h.problems.raise(ProblemAPIUnreachable, "", "Front Payment's API does not answer"+why+"; requests are kept and sent when it does", time.Now())
}

// because takes why a connection could not be made.
func (h *health) because(err error) {
	h.mu.Lock()
	h.cause = err.Error()
	h.mu.Unlock()
}

// undialled takes a connection that could not be made.
func (h *health) undialled(err error) {
	h.because(err)
	// A machine whose clock is wrong can't tell a valid certificate, and without a connection the API can't set it right.
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		h.mu.Lock()
		h.why = fmt.Sprintf(": its certificate is not valid by this machine's clock, which says %s UTC; if that is wrong, set the clock or let NTP do it",
			time.Now().UTC().Format(time.DateTime))
		h.mu.Unlock()
	}
	h.saw(false, api.OutcomeUnavailable)
}

// refused takes a 401, or that there was no token to call with: all sending stops, the queueing goes on.
func (h *health) refused() {
	cause := "the API does not accept the token"
	if err := h.token(); err != nil {
		cause = err.Error()
	}
	if h.gate.shut(gateUnauthorized) {
		h.log.Warn("sending stops until the API accepts the token", "cause", cause)
	}
	h.problems.raise(ProblemUnauthorized, "", cause+"; put a valid token into its place, it is read again by itself", time.Now())
	h.nudge()
}

func (h *health) authorized() {
	if h.gate.open(gateUnauthorized) {
		h.log.Info("the API accepts the token again")
		h.problems.clear(ProblemUnauthorized, "")
	}
}

func (h *health) nudge() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// run asks the API while something depends on its answering and nothing else calls. It does not wait for the answer: an API
// that takes a call and keeps silent is told of before that call is given up.
func (h *health) run(ctx context.Context) {
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
				h.probe(ctx)
			})
		}
		h.mu.Lock()
		silent := !h.failing.IsZero() && time.Since(h.failing) >= unreachableAfter
		h.mu.Unlock()
		if silent {
			h.unreachable()
		}
	}
}

// due tells whether it is time to ask.
func (h *health) due() bool {
	if time.Since(h.probed) < heartbeatEvery {
		h.mu.Lock()
		defer h.mu.Unlock()
		// A first failure is looked into at once.
		return h.failed == 1 && h.probed.Before(h.failing)
	}
	if h.gate.isShut(gateUnauthorized) {
		return true
	}
	h.mu.Lock()
	failing := !h.failing.IsZero()
	h.mu.Unlock()
	return failing || h.answering.deadlines() > 0 && h.answering.silentFor() >= heartbeatEvery
}
