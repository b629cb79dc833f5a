package fence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/health"
	"tillpost/outbox"
)

// noticesBlob is where notices are kept until an operator has accepted them.
const noticesBlob = "notices"

// notice is something that was found and that only an operator can settle. It outlives the process that found it: what
// it saw may not be there to be seen again.
type notice struct {
	Code    health.ProblemCode `json:"code"`
	Message string             `json:"message"`
	At      time.Time          `json:"at"`
	// Token: the account that the token belongs to is not ours, whatever the configuration says.
	Token bool `json:"token,omitempty"`
}

func decodeNotices(raw []byte) (list []notice, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("the kept notices can't be read: %w", err)
	}
	return list, nil
}

// guard keeps the notices, and the gate shut while they stand.
type guard struct {
	store    outbox.Store
	clock    clock.Clock
	problems *health.Problems
	gate     *health.Gate
	log      *slog.Logger

	// elsewhere: the configuration names another account than the outbox's.
	elsewhere bool

	mu    sync.Mutex
	list  []notice
	again bool // to be written is tried again soon
}

// acceptHint says why nothing that moves money is sent, and how to go on.
const acceptHint = "; nothing that moves money is sent until an operator has looked: stop tillpost and run tillpost outbox accept"

// gateOf is what a notice closes; ok is false for one that only tells.
func gateOf(code health.ProblemCode) (why health.GateReason, ok bool) {
	switch code {
	case health.ProblemRolledBack:
		return health.GateRolledBack, true
	case health.ProblemAnotherAgent:
		return health.GateAnotherAgent, true
	case health.ProblemWrongAccount:
		return health.GateWrongAccount, true
	}
	return 0, false
}

// load takes up the notices that a former process left.
func (g *guard) load() error {
	raw, err := g.store.GetBlob(noticesBlob)
	if err != nil && !errors.Is(err, outbox.ErrNotFound) {
		return err
	}
	list, err := decodeNotices(raw)
	if err != nil {
		return err
	}
	g.list = list
	for _, n := range list {
		g.stand(n)
	}
	return nil
}

// stand has a notice told, and closes the gate for it.
func (g *guard) stand(n notice) {
	if why, ok := gateOf(n.Code); ok {
		g.gate.Shut(why)
	}
	g.problems.Raise(n.Code, "", n.Message, n.At)
}

// notice takes one; the first of a code stands.
func (g *guard) notice(ctx context.Context, n notice) {
	g.mu.Lock()
	if slices.ContainsFunc(g.list, func(o notice) bool { return o.Code == n.Code && o.Token == n.Token }) {
		g.mu.Unlock()
		return
	}
	n.At = g.clock.Now().Time()
	g.list = append(g.list, n)
	g.mu.Unlock()
	g.stand(n) // before it is on disk: the disk may be full
	g.log.Error("an operator is needed", "problem", string(n.Code), "found", n.Message)
	g.keep(ctx)
}

// withdraw takes back a notice on the token: another one has come that is right.
func (g *guard) withdraw(ctx context.Context) {
	g.mu.Lock()
	before := len(g.list)
	g.list = slices.DeleteFunc(g.list, func(n notice) bool { return n.Token })
	gone := len(g.list) < before
	g.mu.Unlock()
	if !gone || g.elsewhere {
		return
	}
	g.log.Info("the token belongs to the outbox's account again")
	g.problems.Clear(health.ProblemWrongAccount, "")
	g.gate.Open(health.GateWrongAccount)
	g.keep(ctx)
}

// noticeAgain is how soon it is tried again to write what the disk did not take.
const noticeAgain = 5 * time.Second

// keep writes the notices to disk, at once or as soon as that takes them.
func (g *guard) keep(ctx context.Context) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var raw []byte
	var err error
	if len(g.list) > 0 {
		raw, err = json.Marshal(g.list)
	}
	if err == nil {
		err = g.store.PutBlob(ctx, noticesBlob, raw)
	}
	if err == nil || ctx.Err() != nil || errors.Is(err, outbox.ErrClosed) || g.again {
		return
	}
	g.log.Error("what an operator has to accept could not be kept on disk; it is tried again, and forgotten if tillpost ends before", "err", err)
	g.again = true
	time.AfterFunc(noticeAgain, func() {
		g.mu.Lock()
		g.again = false
		g.mu.Unlock()
		g.keep(ctx)
	})
}
