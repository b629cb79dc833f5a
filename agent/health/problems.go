package health

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"tillpost/internal/notify"
)

// ProblemCode names what is wrong, as it is published on {p}/agent.
type ProblemCode string

// The problems that make the agent degraded.
const (
	ProblemAPIUnreachable ProblemCode = "apiUnreachable"
	ProblemUnauthorized   ProblemCode = "unauthorized"
	ProblemRateLimited    ProblemCode = "rateLimited"
	ProblemClockUnknown   ProblemCode = "clockUnknown"
	ProblemOutboxFull     ProblemCode = "outboxFull"
	ProblemOutboxFailed   ProblemCode = "outboxFailed"
	ProblemWrongAccount   ProblemCode = "wrongAccount"
	ProblemRolledBack     ProblemCode = "outboxRolledBack"
	ProblemAnotherAgent   ProblemCode = "anotherAgent"
	ProblemRestored       ProblemCode = "outboxRestored"
	ProblemNeedsStaff     ProblemCode = "needsStaff"
	ProblemUnresolved     ProblemCode = "unresolved"
	ProblemLatePayment    ProblemCode = "latePayment"
	ProblemFurtherOrder   ProblemCode = "furtherOrderPaid"
)

// Problem is one thing that is wrong just now.
type Problem struct {
	Code    ProblemCode
	Message string
	Since   time.Time
	// RequestID is set where the problem is that of one request.
	RequestID string
}

// Problems is the set of what is wrong. It may be used by several goroutines at once.
type Problems struct {
	watchers notify.List

	mu  sync.Mutex
	set map[problemKey]Problem
}

type problemKey struct {
	code ProblemCode
	id   string
}

// NewProblems returns an empty set.
func NewProblems() *Problems { return &Problems{set: map[problemKey]Problem{}} }

// Watch has f called, without a lock held, after every change from now on.
func (p *Problems) Watch(f func()) { p.watchers.Add(f) }

// Raise adds a problem of the request id, "" for none; one that stands keeps its Since.
func (p *Problems) Raise(code ProblemCode, id, message string, at time.Time) {
	key := problemKey{code, id}
	p.mu.Lock()
	old, stands := p.set[key]
	if stands && old.Message == message {
		p.mu.Unlock()
		return
	}
	if stands {
		at = old.Since
	}
	p.set[key] = Problem{Code: code, Message: message, Since: at, RequestID: id}
	p.mu.Unlock()
	p.watchers.Call()
}

// Clear takes a problem away, if it stands.
func (p *Problems) Clear(code ProblemCode, id string) {
	key := problemKey{code, id}
	p.mu.Lock()
	_, stood := p.set[key]
	delete(p.set, key)
	p.mu.Unlock()
	if stood {
		p.watchers.Call()
	}
}

// Has reports whether a problem that concerns no single request stands.
func (p *Problems) Has(code ProblemCode) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.set[problemKey{code, ""}]
	return ok
}

// List returns the standing problems, oldest first.
func (p *Problems) List() []Problem {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.SortedFunc(maps.Values(p.set), func(a, b Problem) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Code, b.Code), cmp.Compare(a.RequestID, b.RequestID))
	})
}

// What to do about a disk that is full, or fails otherwise.
const (
	OutboxFull   = "the disk of the outbox is full; free some space: what was accepted goes on as far as the reserve lasts, new requests wait at the broker"
	OutboxFailed = "the outbox can't be written; look whether its disk is mounted writable and sound, requests wait and go on by themselves"
)
