package agent

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/api"
	"tillpost/monitor"
	"tillpost/outbox"
)

// watchedFor is how long an unresolved request is looked for.
const watchedFor = 24 * time.Hour

// callsGrace is how long an ordered stop waits for calls under way: a create whose answer is heard leaves no doubt.
const callsGrace = 2500 * time.Millisecond

// writeGrace is how long it waits for the disk then.
const writeGrace = 500 * time.Millisecond

// lanes are all terminals' lanes and what they share.
type lanes struct {
	api        *api.Client
	store      outbox.Store
	clock      Clock
	rand       func() float64 // jitter
	compose    composer
	publish    *publisher
	gate       *gate
	directory  *directory
	reconciler *reconciler
	poller     *poller
	answering  *answering
	health     *health
	problems   *problems
	expiries   *expiries
	followers  *followers
	pauses     *pauses
	rights     *rights // which look-ups are ours
	lags       *lags
	doubtCheck time.Duration
	perMinute  int          // calls that the API allows
	busy       atomic.Int64 // lanes that wait for a busy terminal
	instance   string       // of the outbox, for marks
	// stranger is told of a mark of this outbox that it does not know.
	stranger func(mark, orderUUID string)
	// soughtUntil: until then (Unix ns) the marks of ended requests are looked for.
	soughtUntil atomic.Int64
	metrics     *monitor.Metrics
	log         *slog.Logger

	ctx      context.Context // ends when the lanes are to work no more
	calls    context.Context // ends when calls under way are to be given up
	stopMu   sync.RWMutex    // held for writing while the stop begins, so that no call slips in behind it
	stopped  bool
	inFlight sync.WaitGroup
	running  sync.WaitGroup

	mu  sync.Mutex
	all map[string]*lane
}

// lane gives the lane of a terminal, started if it is new.
func (ls *lanes) lane(terminal string) *lane {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	l := ls.all[terminal]
	if l == nil {
		l = newLane(ls, terminal)
		ls.all[terminal] = l
		ls.running.Go(func() { l.run(ls.ctx) })
	}
	return l
}

// each calls f for every lane, in no order.
func (ls *lanes) each(f func(*lane)) {
	ls.mu.Lock()
	all := make([]*lane, 0, len(ls.all))
	for _, l := range ls.all {
		all = append(all, l)
	}
	ls.mu.Unlock()
	for _, l := range all {
		f(l)
	}
}

// kick has a lane look whether something can be started.
func (ls *lanes) kick(terminal string) {
	l := ls.lane(terminal)
	l.do(func() { l.moved = true })
}

// kickAll does so for every lane, after something that holds all of them changed.
func (ls *lanes) kickAll() {
	ls.each(func(l *lane) { l.do(func() { l.moved = true }) })
}

// lagMeasured has every lane look again at what it has put off until the API must show what came of a busy answer.
func (ls *lanes) lagMeasured() {
	ls.each(func(l *lane) {
		l.do(func() {
			r, err := l.store.Get(l.store.Lane(l.terminal).Head)
			if err != nil || r.Busy == 0 {
				return
			}
			if t := l.timers[timerKey{r.Seq, outbox.TimerRetry}]; t != nil {
				t.stop()
				delete(l.timers, timerKey{r.Seq, outbox.TimerRetry})
				l.moved = true
			}
		})
	})
}

// stopping tells that nothing new may be started.
func (ls *lanes) stopping() bool {
	ls.stopMu.RLock()
	defer ls.stopMu.RUnlock()
	return ls.stopped
}

// background runs a call beside the lanes. Once they are stopping it is left for the next start.
func (ls *lanes) background(f func(ctx context.Context)) {
	ls.stopMu.RLock()
	defer ls.stopMu.RUnlock()
	if !ls.stopped {
		ls.inFlight.Go(func() { f(ls.calls) })
	}
}

// stop lets calls under way end, and what they brought be written; then it ends the lanes.
func (ls *lanes) stop(giveUp, end context.CancelFunc) {
	ls.stopMu.Lock()
	ls.stopped = true
	ls.stopMu.Unlock()
	timer := time.AfterFunc(callsGrace, giveUp)
	ls.inFlight.Wait()
	timer.Stop()
	// A disk that takes nothing any more must not keep us: what it does not take is in doubt at the next start.
	over := time.NewTimer(writeGrace)
	defer over.Stop()
	ls.each(func(l *lane) {
		written := make(chan struct{})
		l.do(func() { close(written) })
		select {
		case <-written:
		case <-over.C:
			end()
		case <-ls.ctx.Done():
		}
	})
	end()
	ls.running.Wait()
}

// leftSending reports whether a call of a former process was under way when it ended, of which nobody knows what became.
func (ls *lanes) leftSending() bool {
	return slices.ContainsFunc(ls.store.Lanes(), func(at outbox.Lane) bool {
		return slices.ContainsFunc(at.Holders, func(seq uint64) bool {
			r, err := ls.store.Get(seq)
			return err == nil && r.State == outbox.StateSending
		})
	})
}

// resume takes up what a former process left: lane holders at once, then the queues' deadlines and the second looks.
func (ls *lanes) resume(ctx context.Context) {
	if ls.leftSending() {
		ls.health.doubted() // as after a submission that ended ambiguous
	}
	for _, at := range ls.store.Lanes() {
		if at.Holder != 0 {
			ls.lane(at.Terminal).post(at.Holder, outbox.Event{Type: outbox.Restarted})
		}
		ls.kick(at.Terminal)
	}
	now := ls.clock.Now()
	err := ls.store.EachOpen(ctx, "", func(r outbox.Request) bool {
		switch {
		case r.InQueue():
			left, _ := r.LiveFor(now)
			ls.expiries.set(r.Seq, left)
		case r.Parked:
			ls.takeUpParked(r)
		case !r.Kind.Laned(), !r.State.HoldsLane():
			ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.Restarted})
		default:
			ls.resumeHolder(r)
		}
		return ctx.Err() == nil
	})
	if err != nil && ctx.Err() == nil {
		ls.log.Error("the open requests could not all be read", "err", err)
	}
	err = ls.store.Each(true, func(r outbox.Request) bool {
		if r.State.Final() {
			ls.resumeEnded(r)
			if ago, ok := now.Since(lastChange(r)); ok && r.Kind == outbox.KindOrder && r.OrderUUID != "" {
				ls.reconciler.evidence.recall(r.OrderUUID, ago)
			}
		}
		return ctx.Err() == nil
	})
	if err != nil && ctx.Err() == nil {
		ls.log.Error("the ended requests could not all be read", "err", err)
	}
}

// unread reports that the broker was not asked yet for what a newer copy of this outbox may have told.
func (ls *lanes) unread() bool { return ls.gate.isShut(gateReading) }

// takeUpParked takes up a refund that waits beside its lane, and may have expired.
func (ls *lanes) takeUpParked(r outbox.Request) {
	if ls.unread() {
		time.AfterFunc(expireAgain, func() {
			if ls.ctx.Err() == nil {
				ls.takeUpParked(r)
			}
		})
		return
	}
	ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.Restarted})
	ls.park(r)
}

// resumeHolder takes up the other holders of a lane: after a restore there may be many in doubt.
func (ls *lanes) resumeHolder(r outbox.Request) {
	if r.Waiting != nil && r.Waiting.Code == outbox.WaitNeedsStaff {
		ls.alarmed(r, outbox.AlarmNeedsStaff)
	}
	if ls.store.Lane(r.Terminal).Holder != r.Seq {
		ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.Restarted})
	}
}

// resumeEnded takes up the second looks and the alarms of a request that had ended.
func (ls *lanes) resumeEnded(r outbox.Request) {
	switch {
	case r.State == outbox.StateUnresolved:
		ls.alarmed(r, outbox.AlarmUnresolved)
	case r.Alarmed && r.Late:
		ls.alarmed(r, outbox.AlarmLatePayment)
	case r.Alarmed:
		ls.alarmed(r, outbox.AlarmFurtherOrder)
	}
	if r.Watched() || len(r.Hints) > 0 {
		ls.sought(r)
		ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.Restarted})
	}
}

// alarmed makes a problem of what a person has to know.
func (ls *lanes) alarmed(r outbox.Request, code string) {
	at := lastChange(r).Time()
	switch code {
	case outbox.AlarmNeedsStaff:
		ls.problems.raise(ProblemNeedsStaff, r.ID, "nobody knows yet whether this request was carried out; look at the terminal and at Front Payment", at)
	case outbox.AlarmUnresolved:
		ls.problems.raise(ProblemUnresolved, r.ID, "it was never found out whether this request was carried out; adopt, resubmit or abandon it", at)
	case outbox.AlarmLatePayment:
		message := "a payment was found after the request had ended otherwise; hand over the goods or refund it"
		if r.Kind != outbox.KindOrder {
			message = "the refund was carried out after another end had been told; the customer has the money, so don't pay it back once more"
		}
		ls.problems.raise(ProblemLatePayment, r.ID, message, at)
	case outbox.AlarmFurtherOrder:
		ls.problems.raise(ProblemFurtherOrder, r.ID, "a second order was paid for this request; refund one of them", at)
	}
	ls.log.Warn("a person is needed", "alarm", code, "request", r.ID, "terminal", r.Terminal, "state", r.State.String())
}

// quiet tells that nothing is on its way, in doubt, or looked for after a doubt, at any terminal.
func (ls *lanes) quiet() bool {
	if time.Now().UnixNano() < ls.soughtUntil.Load() {
		return false
	}
	for _, p := range ls.problems.list() {
		if p.Code == ProblemUnresolved && time.Since(p.Since) < watchedFor {
			return false
		}
	}
	return !slices.ContainsFunc(ls.store.Lanes(), func(at outbox.Lane) bool {
		return slices.ContainsFunc(at.Holders, func(seq uint64) bool {
			r, err := ls.store.Get(seq)
			return err != nil || r.State == outbox.StateSending || r.State == outbox.StateInDoubt
		})
	})
}

// stray takes an order that bears the mark of a request nobody was looking for, or one that this outbox should know and
// does not.
func (ls *lanes) stray(mark, orderUUID string, status api.PaymentState) {
	seq, ok := outbox.MarkSeq(mark)
	if !ok {
		return
	}
	r, err := ls.store.Get(seq)
	switch {
	case err == nil && r.Bears(mark):
		ls.lane(r.Terminal).post(seq, outbox.Event{Type: outbox.Found, OrderUUID: orderUUID, Status: statusSeen(status)})
	case err != nil && !errors.Is(err, outbox.ErrNotFound), !outbox.MarkTagged(mark, ls.instance):
	case err == nil:
		ls.stranger(mark, orderUUID)
		if seq <= ls.store.Identity().Copied.Shared && r.Kind == outbox.KindOrder {
			// The newer copy had this request too, and has sent it: the mark names it by its number.
			ls.lane(r.Terminal).post(seq, outbox.Event{Type: outbox.Found, OrderUUID: orderUUID, Status: statusSeen(status)})
		}
	case !ls.pruned(seq):
		ls.stranger(mark, orderUUID)
	}
}

// pruned reports whether a request without a record had one: then its marks were known.
func (ls *lanes) pruned(seq uint64) bool {
	last, err := ls.store.Sequence()
	return err != nil || seq <= last && !ls.store.Identity().Copied.Skips(seq)
}

// Queues implements monitor.QueueSource.
func (ls *lanes) Queues() []monitor.QueueStat {
	now := ls.clock.Now()
	stats := make([]monitor.QueueStat, 0, 8)
	seen := map[string]bool{}
	for _, at := range ls.store.Lanes() {
		seen[at.Terminal] = true
		stats = append(stats, ls.queue(at, now))
	}
	for _, t := range ls.directory.list() {
		if !seen[t.UUID] {
			stats = append(stats, ls.queue(outbox.Lane{Terminal: t.UUID}, now))
		}
	}
	return stats
}

func (ls *lanes) queue(at outbox.Lane, now outbox.Instant) monitor.QueueStat {
	q := monitor.QueueStat{Terminal: at.Terminal, Length: at.Queued, Lane: monitor.LaneIdle}
	if at.Head != 0 {
		q.OldestAge, _ = now.Since(at.Oldest)
		q.Lane = monitor.LaneWaiting
	}
	if ls.pauses.of(at.Terminal) != nil {
		q.Lane = monitor.LanePaused
	}
	if at.Holder != 0 {
		q.Lane = monitor.LaneBusy
	}
	for _, seq := range at.Holders {
		if r, err := ls.store.Get(seq); err == nil && r.State == outbox.StateInDoubt {
			q.Lane = monitor.LaneInDoubt
			q.InDoubt++
		}
	}
	return q
}

// park has a refund that waits for another lane's order told of that order's end. One that waits for another refund looks by
// itself.
func (ls *lanes) park(r outbox.Request) {
	if r.Waiting == nil || r.Waiting.Code != outbox.WaitForOrder {
		return
	}
	target := r.Target
	if target == "" {
		order, err := ls.store.ByOrder(r.OrderUUID)
		if err != nil {
			return
		}
		target = order.ID
	}
	l := ls.lane(r.Terminal)
	l.do(func() { l.follow(r, target) })
}

// ban remembers for a while that the API does not let us do something.
type ban struct{ until atomic.Int64 }

func (b *ban) ban()         { b.until.Store(time.Now().Add(askAgainEvery).UnixNano()) }
func (b *ban) banned() bool { return time.Now().UnixNano() < b.until.Load() }

// entropy is the random part of a mark, behind the outbox's tag.
func (ls *lanes) entropy() (b [outbox.MarkEntropy]byte) {
	_, _ = rand.Read(b[:]) // never fails
	return outbox.TagMark(b, ls.instance)
}
