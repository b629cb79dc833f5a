package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tillpost/mqtt/message"

	"tillpost/mqtt"
	"tillpost/outbox"
)

// fence finds out whether this copy of the outbox may send: whether it is the newest one and the only one at work, and whether
// its account is the one that is called. Where it may not, the gate is shut, a problem says why, and it stays so over restarts
// until an operator accepts it.
type fence struct {
	store    outbox.Store
	clock    Clock
	problems *problems
	gate     *gate
	topics   mqtt.Topics
	log      *slog.Logger

	guard    *guard
	lookout  lookout // for other agents
	listing  brake   // for another account
	path     string
	external bool
	lists    bool
	accepted time.Time
	strange  sync.Mutex // held while what is not known is read and kept

	ctx     context.Context // of begin
	reports fenceReports    // of begin
}

// fenceOptions are what a fence needs; all of it is required.
type fenceOptions struct {
	Store    outbox.Store
	Clock    Clock
	Problems *problems
	Gate     *gate
	Topics   mqtt.Topics
	Log      *slog.Logger
	// Account is the configured one, Since when this process started.
	Account outbox.Account
	Since   time.Time
	// Path is the outbox's, for the log.
	Path string
	// External: the broker is another program, which may remember another agent's word. Lists: the API lists terminals, and
	// with them whose they are.
	External, Lists bool
}

// fenceReports are whom a fence tells what it has found, and what it asks.
type fenceReports struct {
	// Doubted has the requests looked into that are in doubt now.
	Doubted func(ctx context.Context)
	// Settled takes how far a former process has told that what it cleared goes.
	Settled func(message.SettledThrough)
	// Connected reports whether the broker is connected.
	Connected func() bool
}

// newFence looks at what the outbox and its journal tell.
func newFence(o fenceOptions) *fence {
	f := &fence{
		store: o.Store, clock: o.Clock, problems: o.Problems, gate: o.Gate, topics: o.Topics, log: o.Log,
		guard:   &guard{store: o.Store, clock: o.Clock, problems: o.Problems, gate: o.Gate, log: o.Log},
		lookout: lookout{brake: brake{gate: o.Gate, why: gateLooking}, quiet: true},
		listing: brake{gate: o.Gate, why: gateListing},
		path:    o.Path, external: o.External, lists: o.Lists,
	}
	if err := f.guard.load(); err != nil {
		f.log.Warn("started without the kept notices", "err", err)
	}
	id, stats := f.store.Identity(), f.store.Stats()
	f.lookout.witness.mine = heard{Instance: id.Instance, Generation: id.Generation, Since: message.At(o.Since).String()}
	f.lookout.atOpen = message.SettledThrough{Accepted: stats.Accepted, Commits: stats.Written}
	f.tellRecovery()
	journal, err := Accepted(f.store)
	if err != nil {
		f.log.Warn("started without the journal of what was accepted", "err", err)
	}
	f.accepted = forgottenUntil(journal)
	err = f.store.BindAccount(context.Background(), o.Account)
	if errors.Is(err, outbox.ErrWrongAccount) {
		f.guard.elsewhere = true
		bound, _ := f.store.Account()
		f.guard.stand(notice{Code: ProblemWrongAccount, Message: foreignAccount(bound, o.Account) + acceptHint, At: o.Since})
		return f
	}
	if err != nil {
		f.log.Error("the outbox could not be bound to the API account", "err", err)
	}
	return f
}

// begin holds the first sending until the broker has told of another agent, if there is one, and the API had the chance to
// tell of another account. Before the broker is there, no till hears anything anyway. What is found is worked on until ctx
// ends.
func (f *fence) begin(ctx context.Context, r fenceReports) {
	f.ctx, f.reports = ctx, r
	if f.external { // the embedded broker remembers nothing
		f.lookout.wait()
		f.gate.shut(gateUnheard)
		f.gate.shut(gateReading)
	}
	if f.lists {
		f.listing.hold(lookMost)
	}
	f.gate.shut(gateSurveying)
}

// connected takes that the broker is connected. The bus has read by then what it retains.
func (f *fence) connected() {
	f.gate.open(gateReading)
	f.lookedUp()
}

// listed ends the waiting for the list of terminals.
func (f *fence) listed() { f.listing.end() }

// surveyed takes that it is known whether the API shows marks that this outbox does not know.
func (f *fence) surveyed() { f.gate.open(gateSurveying) }

// older reports whether this copy is an older one, or was restored, and nobody has accepted that.
func (f *fence) older() bool { return f.gate.isShut(gateRolledBack) }

// acceptedUntil is until when tills may ask for what a copy has forgotten that an operator has accepted, zero for none.
func (f *fence) acceptedUntil() time.Time { return f.accepted }
