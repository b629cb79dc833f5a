package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"tillpost/agent/blob"
	"tillpost/agent/health"
	"tillpost/outbox"
)

// holdsBlob is the name under which holds are kept until an operator has accepted them.
const holdsBlob = "notices"

// hold is something that was found and that only an operator can accept. It outlives the process that found it: what it saw may
// not be there to be seen again.
type hold struct {
	Code    health.ProblemCode `json:"code"`
	Message string             `json:"message"`
	At      time.Time          `json:"at"`
	// Token: the account that the token belongs to is not ours, whatever the configuration says.
	Token bool `json:"token,omitempty"`
}

// readHolds returns the holds that were kept.
func readHolds(store Readable) (list []hold, err error) {
	if list, err = blob.Read[[]hold](store, holdsBlob); err != nil {
		return nil, fmt.Errorf("the kept notices can't be read: %w", err)
	}
	return list, nil
}

// holds keeps what was placed, and the gate shut while it stands.
type holds struct {
	o Options
	// otherAccountConfigured: the configuration names another account than the outbox's.
	otherAccountConfigured bool

	mu       sync.Mutex
	list     []hold
	retrying bool // the next try to write them is due
}

// acceptHint says why nothing that moves money is sent, and how to go on.
const acceptHint = "; nothing that moves money is sent until an operator has looked: stop tillpost and run tillpost outbox accept"

// gateReasons has the reason for which a hold shuts the gate; one that is not there only raises a problem.
var gateReasons = map[health.ProblemCode]health.GateReason{
	health.ProblemRolledBack:   health.GateRolledBack,
	health.ProblemAnotherAgent: health.GateAnotherAgent,
	health.ProblemWrongAccount: health.GateWrongAccount,
}

// enforce shuts the gate for a hold, and raises its problem.
func (g *holds) enforce(n hold) {
	if why, ok := gateReasons[n.Code]; ok {
		g.o.Gate.Shut(why)
	}
	g.o.Problems.Raise(n.Code, "", n.Message, n.At)
}

// place adds a hold; the first of a code stands.
func (g *holds) place(ctx context.Context, n hold) {
	g.mu.Lock()
	if slices.ContainsFunc(g.list, func(o hold) bool { return o.Code == n.Code && o.Token == n.Token }) {
		g.mu.Unlock()
		return
	}
	n.At = g.o.Clock.Now().Time()
	g.list = append(g.list, n)
	g.mu.Unlock()
	g.enforce(n) // before it is on disk: the disk may be full
	g.o.Log.Error("an operator is needed", "problem", string(n.Code), "found", n.Message)
	g.save(ctx)
}

// withdraw takes back the hold on the token: another one has come that is right.
func (g *holds) withdraw(ctx context.Context) {
	g.mu.Lock()
	before := len(g.list)
	g.list = slices.DeleteFunc(g.list, func(n hold) bool { return n.Token })
	gone := len(g.list) < before
	g.mu.Unlock()
	if !gone || g.otherAccountConfigured {
		return
	}
	g.o.Log.Info("the token belongs to the outbox's account again")
	g.o.Problems.Clear(health.ProblemWrongAccount, "")
	g.o.Gate.Open(health.GateWrongAccount)
	g.save(ctx)
}

// retryWriteAfter is how soon a write that the disk did not take is tried again.
const retryWriteAfter = 5 * time.Second

// save writes the holds to disk, at once or as soon as that takes them.
func (g *holds) save(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var err error
	if len(g.list) > 0 {
		err = blob.Write(ctx, g.o.Store, holdsBlob, g.list)
	} else {
		err = g.o.Store.PutBlob(ctx, holdsBlob, nil)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, outbox.ErrClosed) || g.retrying {
		return
	}
	g.o.Log.Error("what an operator has to accept could not be kept on disk; it is tried again, and forgotten if tillpost ends before", "err", err)
	g.retrying = true
	time.AfterFunc(retryWriteAfter, func() {
		g.mu.Lock()
		g.retrying = false
		g.mu.Unlock()
		g.save(ctx)
	})
}
