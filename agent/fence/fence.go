package fence

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/health"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// Fence finds out whether this copy of the outbox may send: whether it is the newest one and the only one at work, and whether
// its account is the one that is called. Where it may not, a hold shuts the gate, a problem says why, and it stays so over restarts
// until an operator accepts it. It may be used by several goroutines at once, after Begin.
type Fence struct {
	o             Options
	holds         *holds
	peers         peerWatch // for other agents
	listDelay     delay     // for another account
	acceptedUntil time.Time
	unknownMu     sync.Mutex // held while what is kept under unknownBlob is read and written
	atOpen        atOpen
	doubtFailed   atomic.Bool // the last try to put what is open in doubt came back with an error

	ctx     context.Context // of Begin
	reports Reports         // of Begin
}

// Options are what a fence needs; all of it is required.
type Options struct {
	Store    outbox.Store
	Clock    clock.Clock
	Problems *health.Problems
	Gate     *health.Gate
	Topics   mqtt.Topics
	Log      *slog.Logger
	// Account is the configured one, Since when this process started.
	Account outbox.Account
	Since   time.Time
	// Path is the outbox's, for the log.
	Path string
	// ExternalBroker: the broker is another program, which may retain another agent's announcement. ListsTerminals: the API lists
	// terminals, and with them whose they are.
	ExternalBroker, ListsTerminals bool
}

// Reports are what a fence calls when it has found something, and what it asks; all of it is required.
type Reports struct {
	// Doubted is called once open requests were put in doubt.
	Doubted func(ctx context.Context)
	// Settled is called with how far the statuses go that a former process has cleared.
	Settled func(message.SettledThrough)
	// Connected reports whether the broker is connected.
	Connected func() bool
}

// New makes a fence with the holds that a former process left, and those that the outbox itself gives reason for.
func New(o Options) *Fence {
	f := &Fence{
		o: o, holds: &holds{o: o},
		peers:     peerWatch{delay: delay{gate: o.Gate, why: health.GateWatchingPeers}, silent: true},
		listDelay: delay{gate: o.Gate, why: health.GateListingTerminals},
	}
	left, err := readHolds(o.Store)
	if err != nil {
		f.o.Log.Warn("started without the kept notices", "err", err)
	}
	f.holds.list = left
	for _, n := range left {
		f.holds.enforce(n)
	}
	id, stats := f.o.Store.Identity(), f.o.Store.Stats()
	f.peers.detector.mine = announcement{Instance: id.Instance, Generation: id.Generation, Since: message.At(o.Since).String()}
	f.peers.openedAt = message.SettledThrough{Accepted: stats.Accepted, Commits: stats.Written}
	f.reportRecovery()
	journal, err := Accepted(f.o.Store)
	if err != nil {
		f.o.Log.Warn("started without the journal of what was accepted", "err", err)
	}
	f.acceptedUntil = priorCopyUntil(journal)
	err = f.o.Store.BindAccount(context.Background(), o.Account)
	if errors.Is(err, outbox.ErrWrongAccount) {
		f.holds.otherAccountConfigured = true
		bound, _ := f.o.Store.Account()
		f.holds.enforce(hold{Code: health.ProblemWrongAccount, Message: foreignAccount(bound, o.Account) + acceptHint, At: o.Since})
		return f
	}
	if err != nil {
		f.o.Log.Error("the outbox could not be bound to the API account", "err", err)
	}
	return f
}

// Begin shuts the gate until the broker has shown whether there is another agent, and the API had the chance to show another
// account. Before the broker is there, no till hears anything anyway. What is found is worked on until ctx ends. It is called
// once, before the other methods but for Older and AcceptedUntil.
func (f *Fence) Begin(ctx context.Context, r Reports) {
	f.ctx, f.reports = ctx, r
	if f.o.ExternalBroker { // the embedded broker retains no announcement
		f.o.Gate.Shut(health.GateWatchingPeers)
		f.o.Gate.Shut(health.GateUnannounced)
		f.o.Gate.Shut(health.GateReadingRetained)
		f.atOpen.remember(map[string]uint64{})
	}
	if f.o.ListsTerminals {
		f.listDelay.shutFor(listDelayMost)
	}
	f.o.Gate.Shut(health.GateSurveying)
	if f.Older() && !f.o.Store.Identity().RolledBack {
		f.doubtOpen(f.o.Store.Identity().Generation) // the process that found it ended before the disk took that
	}
}

// Listed is called once the list of terminals was asked for: the wait for it ends.
func (f *Fence) Listed() { f.listDelay.end() }

// Surveyed is called once it is known whether the API shows marks that this outbox does not know.
func (f *Fence) Surveyed() { f.o.Gate.Open(health.GateSurveying) }

// Older reports whether this copy is an older one, or was restored, and nobody has accepted that.
func (f *Fence) Older() bool { return f.o.Gate.IsShut(health.GateRolledBack) }

// AcceptedUntil returns until when a new request may be one that a newer copy has seen, after an operator accepted this one;
// zero for never.
func (f *Fence) AcceptedUntil() time.Time { return f.acceptedUntil }
