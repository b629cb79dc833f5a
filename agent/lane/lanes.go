package lane

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/gateway"
	"tillpost/agent/health"
	"tillpost/agent/lookups"
	"tillpost/agent/publish"
	"tillpost/agent/reconcile"
	"tillpost/agent/terminals"
	"tillpost/internal/notify"
	"tillpost/monitor"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// callsGrace is how long an ordered stop waits for calls under way: a create whose answer is heard leaves no doubt.
const callsGrace = 2500 * time.Millisecond

// writeGrace is how long it waits for the disk then.
const writeGrace = 500 * time.Millisecond

// Lanes are all terminals' lanes and what they share.
type Lanes struct {
	o Options

	expiries  expiries
	followers followers
	busy      atomic.Int64 // lanes that wait for a busy terminal
	instance  string       // of the outbox, for marks
	asked     questions    // whether they work
	starts    sync.Map     // by requestId; turnMaking or turnUncertain

	ctx      context.Context // ends when the lanes are to work no more
	end      context.CancelFunc
	calls    context.Context // ends when calls under way are to be given up
	giveUp   context.CancelFunc
	stopMu   sync.RWMutex // held for writing while the stop begins, so that no call slips in behind it
	stopped  bool
	inFlight sync.WaitGroup
	running  sync.WaitGroup

	mu  sync.Mutex
	all map[string]*lane
}

// Options are what lanes need; all of it is required.
type Options struct {
	Store      outbox.Store
	Clock      clock.Clock
	Rand       func() float64 // the jitter of every pause, in [0,1), to any goroutine
	Gateway    *gateway.Gateway
	Publish    *publish.Publisher
	Gate       *health.Gate
	Directory  *terminals.Directory
	Pauses     *terminals.Pauses
	Reconciler *reconcile.Reconciler
	Answering  *clock.Answering
	Health     *health.Health
	Problems   *health.Problems
	Lags       *lookups.Lags
	// Stranger takes an order that bears a mark of this outbox which it does not know.
	Stranger func(mark, orderUUID string)
	// DoubtCheck is policy.doubt_check, PerMinute how many calls the API allows.
	DoubtCheck time.Duration
	PerMinute  int
	Metrics    *monitor.Metrics
	Log        *slog.Logger
}

// New makes lanes that start nothing before they are resumed.
func New(o Options) *Lanes {
	ls := &Lanes{
		o: o, instance: o.Store.Identity().Instance, all: map[string]*lane{},
		expiries:  newExpiries(),
		followers: followers{set: map[string][]follower{}},
		asked:     questions{open: map[*lane]question{}},
	}
	ls.ctx, ls.end = context.WithCancel(context.Background())
	ls.calls, ls.giveUp = context.WithCancel(context.Background())
	return ls
}

// Working ends when the lanes work no more.
func (ls *Lanes) Working() context.Context { return ls.ctx }

// Run resumes what a former process left, and ends what expires, until ctx ends. The lanes go on until they are stopped.
func (ls *Lanes) Run(ctx context.Context) {
	ls.o.Gate.Watch(ls.WakeAll)
	ls.o.Lags.Watch(ls.lagMeasured)
	var parts sync.WaitGroup
	parts.Go(func() { ls.runExpiries(ctx) })
	ls.resume(ctx)
	parts.Wait()
}

// Show brings the display of a terminal up to date.
func (ls *Lanes) Show(terminal string) { ls.lane(terminal).refresh() }

// ShowAll brings the displays of all terminals up to date that have a lane.
func (ls *Lanes) ShowAll() { ls.each((*lane).refresh) }

func (l *lane) refresh() { l.do(func() { l.show(outbox.Request{}) }) }

// Displays is what every display shows now that has shown something.
func (ls *Lanes) Displays() []message.Display {
	var all []message.Display
	ls.each(func(l *lane) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.shown.last.TerminalUUID != "" {
			all = append(all, l.shown.last)
		}
	})
	return all
}

// lane returns the lane of a terminal, and starts it if it is new.
func (ls *Lanes) lane(terminal string) *lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.all[terminal]
	if l == nil {
		l = &lane{Lanes: ls, terminal: terminal, wake: notify.NewSignal(), requests: map[uint64]*inflight{}}
		ls.all[terminal] = l
		ls.running.Go(func() { l.run(ls.ctx) })
	}
	return l
}

// each calls f for every lane, in no order.
func (ls *Lanes) each(f func(*lane)) {
	ls.mu.Lock()
	all := slices.Collect(maps.Values(ls.all))
	ls.mu.Unlock()
	for _, l := range all {
		f(l)
	}
}

// stopping reports whether nothing new may be started.
func (ls *Lanes) stopping() bool {
	ls.stopMu.RLock()
	defer ls.stopMu.RUnlock()
	return ls.stopped
}

// background runs f on a goroutine of its own. Once the lanes are stopping it is left for the next start.
func (ls *Lanes) background(f func(ctx context.Context)) {
	ls.stopMu.RLock()
	defer ls.stopMu.RUnlock()
	if !ls.stopped {
		ls.inFlight.Go(func() { f(ls.calls) })
	}
}

// Stop lets calls and first turns under way end, and what they brought be written; then it ends the lanes.
func (ls *Lanes) Stop() {
	ls.stopMu.Lock()
	ls.stopped = true
	ls.stopMu.Unlock()
	timer := time.AfterFunc(callsGrace, ls.giveUp)
	ls.inFlight.Wait()
	timer.Stop()
	// A disk that accepts no writes must not delay the stop: what is not written is in doubt at the next start.
	over := time.After(writeGrace)
	ls.each(func(l *lane) {
		written := make(chan struct{})
		l.do(func() { l.do(func() { close(written) }) }) // twice: what the lane was just doing may have left it something to write
		select {
		case <-written:
		case <-over:
			ls.end()
		case <-ls.ctx.Done():
		}
	})
	ls.end()
	ls.running.Wait()
}

// park has TargetSeen posted to a parked refund when the order that it waits for ends. One that waits for another refund
// has a timer.
func (ls *Lanes) park(r outbox.Request) {
	if r.Waiting == nil || r.Waiting.Code != outbox.WaitForOrder {
		return
	}
	target := r.Target
	if target == "" {
		order, err := ls.o.Store.ByOrder(r.OrderUUID)
		if err != nil {
			return
		}
		target = order.ID
	}
	l := ls.lane(r.Terminal)
	l.do(func() { l.follow(r, target) })
}

// newMark makes a mark for a submission of r.
func (ls *Lanes) newMark(r outbox.Request) string {
	return outbox.MarkOf(r, entropy(), ls.instance)
}

// entropy is the random part of a mark.
func entropy() (b [outbox.MarkEntropy]byte) {
	_, _ = rand.Read(b[:]) // never fails
	return b
}

// WakeAll has every lane check whether something can be started, after something that holds all of them changed.
func (ls *Lanes) WakeAll() { ls.each((*lane).rouse) }

func (l *lane) rouse() { l.do(func() { l.moved = true }) }

// lagMeasured wakes every request that waits until the API must show what came of a busy answer: the wait may be shorter.
func (ls *Lanes) lagMeasured() {
	ls.each(func(l *lane) {
		l.do(func() {
			r, err := l.o.Store.Get(l.o.Store.Lane(l.terminal).Head)
			if err != nil || r.Busy == 0 {
				return
			}
			l.moved = l.stopTimer(r.Seq, outbox.TimerRetry) || l.moved
		})
	})
}
