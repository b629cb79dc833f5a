package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"tillpost/api"
	"tillpost/outbox"
)

const (
	// connFresh is how old a dialled connection may be when a submission starts on it: a server closes idle ones.
	connFresh = 3 * time.Second
	// positionsTold is how many of a queue are told when it moves up.
	positionsTold = 20
	positionsPace = time.Second
	storeAgain    = time.Second
)

// lane is the actor of one terminal: one goroutine that applies every event of the terminal's requests and runs their
// effects. Calls to the API run beside it and come back as events, so a slow call never keeps a cancel waiting.
type lane struct {
	*lanes
	terminal string

	mu    sync.Mutex
	inbox []func()
	wake  chan struct{}

	// Owned by run.
	timers  map[timerKey]*alarm
	entered map[uint64]outbox.Instant
	calls   map[callKey]bool
	conn    *api.Conn
	dialing bool
	body    []byte // what the submission under way sends
	cleared map[uint64]outbox.SearchResult
	books   map[uint64]outbox.Books // read for the next attempt
	tries   map[uint64]int          // answers in a row that can't be believed yet
	hints   map[uint64]string       // orders that a callback named while their request was sending
	moved   bool                    // something may be startable now
	told    bool                    // positions are to be told soon
	shown   shown
}

type timerKey struct {
	seq   uint64
	timer outbox.Timer
}

// callKey names a call to the API; one of each is under way at a time.
type callKey struct {
	seq    uint64
	effect outbox.EffectType
	order  string
}

func newLane(ls *lanes, terminal string) *lane {
	return &lane{
		lanes: ls, terminal: terminal, wake: make(chan struct{}, 1),
		timers: map[timerKey]*alarm{}, entered: map[uint64]outbox.Instant{}, calls: map[callKey]bool{},
		cleared: map[uint64]outbox.SearchResult{}, books: map[uint64]outbox.Books{}, tries: map[uint64]int{}, hints: map[uint64]string{},
	}
}

// do runs f on the lane's goroutine, after what was asked before. It never blocks.
func (l *lane) do(f func()) {
	l.mu.Lock()
	l.inbox = append(l.inbox, f)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// post applies an event to a request of this lane.
func (l *lane) post(seq uint64, e outbox.Event) { l.do(func() { l.apply(seq, e) }) }

// run works until ctx ends. What is asked afterwards is not done.
func (l *lane) run(ctx context.Context) {
	for {
		l.mu.Lock()
		todo := l.inbox
		l.inbox = nil
		l.mu.Unlock()
		for _, f := range todo {
			if ctx.Err() != nil {
				break
			}
			f()
			if l.moved {
				l.moved = false
				l.advance()
			}
		}
		if len(todo) > 0 && ctx.Err() == nil {
			continue
		}
		select {
		case <-ctx.Done():
			l.stopTimers()
			l.dropConn()
			return
		case <-l.wake:
		}
	}
}

func (l *lane) stopTimers() {
	for _, t := range l.timers {
		t.stop()
	}
	clear(l.timers)
}

func (l *lane) dropConn() {
	if l.conn != nil {
		_ = l.conn.Close() // nothing was sent on it
		l.conn = nil
	}
}

// apply has an event decided by the outbox, and runs what it asks for.
func (l *lane) apply(seq uint64, e outbox.Event) {
	r, fx, err := l.commit(seq, e)
	if err != nil {
		l.commitFailed(seq, e, err)
		return
	}
	l.applied(r, e, fx)
}

// applied runs the effects of a change that is on disk.
func (l *lane) applied(r outbox.Request, e outbox.Event, fx []outbox.Effect) {
	seq := r.Seq
	if l.entered[seq] != r.Entered {
		l.clearTimers(seq)
		l.entered[seq] = r.Entered
		l.arrived(r)
	}
	for _, f := range fx {
		l.effect(r, e, f)
	}
	if r.State.Final() {
		delete(l.cleared, seq)
		delete(l.books, seq)
		delete(l.tries, seq)
		if !l.hasTimers(seq) {
			delete(l.entered, seq)
		}
	}
	if r.Kind.Laned() {
		l.show(r)
	}
	l.moved = true
}

// arrived does what goes with a new state beside its effects: a hint that came too early is looked into, and what
// parks is told of the end it waits for.
func (l *lane) arrived(r outbox.Request) {
	hint, ok := l.hints[r.Seq]
	if !ok || r.State == outbox.StateSending {
		return
	}
	delete(l.hints, r.Seq)
	l.post(r.Seq, outbox.Event{Type: outbox.CallbackSeen, OrderUUID: hint})
}

func (l *lane) commitFailed(seq uint64, e outbox.Event, err error) {
	switch {
	case errors.Is(err, outbox.ErrClosed), errors.Is(err, outbox.ErrNotFound), l.ctx.Err() != nil:
		return
	}
	l.log.Error("a change could not be written to the outbox; it is tried again", "terminal", l.terminal, "seq", seq, "event", e.Type.String(), "err", err)
	l.wakeAt(seq, outbox.TimerRetry, storeAgain, false)
}

func (l *lane) clearTimers(seq uint64) {
	for k, t := range l.timers {
		if k.seq == seq {
			t.stop()
			delete(l.timers, k)
		}
	}
}

func (l *lane) hasTimers(seq uint64) bool {
	for k := range l.timers {
		if k.seq == seq {
			return true
		}
	}
	return false
}

// wakeAt sets a timer of a request; one of the same name is replaced.
func (l *lane) wakeAt(seq uint64, t outbox.Timer, after time.Duration, answering bool) {
	if t == outbox.TimerExpire {
		l.expiries.set(seq, l.terminal, after)
		return
	}
	key := timerKey{seq, t}
	if old := l.timers[key]; old != nil {
		old.stop()
	}
	var al *alarm // written and read on the lane's goroutine only
	al = l.answering.after(after, answering, func() {
		l.do(func() {
			if l.timers[key] == al {
				delete(l.timers, key)
				l.fired(seq, t)
			}
		})
	})
	l.timers[key] = al
}

// fired does what a timer stands for.
func (l *lane) fired(seq uint64, t outbox.Timer) {
	switch t {
	case outbox.TimerRetry:
		l.moved = true
		if r, err := l.store.Get(seq); err == nil && !r.Kind.Laned() {
			l.apply(seq, outbox.Event{Type: outbox.Due})
		}
		return
	case outbox.TimerCustomer:
		l.apply(seq, outbox.Event{Type: outbox.CustomerTimeout})
		return
	case outbox.TimerDoubtCheck, outbox.TimerDoubtHold:
		l.apply(seq, outbox.Event{Type: outbox.DoubtTimeout, Timer: t})
		return
	}
	r, err := l.store.Get(seq)
	if err != nil {
		return // pruned
	}
	switch {
	case t == outbox.TimerCancel && r.Kind == outbox.KindCancel:
		l.carryCancel(r)
	case t == outbox.TimerCancel:
		l.cancel(r, r.OrderUUID)
	case t == outbox.TimerSearch, t == outbox.TimerWatch && r.OrderUUID == "":
		l.search(r)
	case t == outbox.TimerPoll:
		l.poll(r)
	default:
		l.query(r, r.OrderUUID)
	}
}

// advance starts what can be started at this terminal now.
func (l *lane) advance() {
	if l.stopping() {
		return
	}
	at := l.store.Lane(l.terminal)
	l.tellPositions(at)
	if at.Holder != 0 || at.Head == 0 {
		l.show(outbox.Request{})
		if at.Holder != 0 {
			l.dropConn()
		}
		return
	}
	if l.timers[timerKey{at.Head, outbox.TimerRetry}] != nil {
		return
	}
	r, err := l.store.Get(at.Head)
	if err != nil {
		l.log.Error("the head of a lane can't be read", "terminal", l.terminal, "seq", at.Head, "err", err)
		l.wakeAt(at.Head, outbox.TimerRetry, storeAgain, false)
		return
	}
	if code := l.gate.code(); code != "" {
		l.waits(r, code, 0)
		return
	}
	if !l.directory.has(l.terminal) {
		l.apply(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{
			Code: outbox.CodeUnknownTerminal, Message: "the API does not have this terminal; it has: " + l.directory.known()}})
		return
	}
	l.attempt(r)
}

// attempt brings the head of the lane to its submission: a search if it needs one, a connection, then Due.
func (l *lane) attempt(r outbox.Request) {
	if r.CancelWanted && r.Busy == 0 {
		l.apply(r.Seq, outbox.Event{Type: outbox.CancelWanted}) // nothing is on its way
		return
	}
	if r.Kind != outbox.KindOrder {
		if !l.prepareRefund(r) {
			return
		}
	} else if r.Busy > 0 && l.cleared[r.Seq] == outbox.SearchNone {
		if !l.calls[callKey{seq: r.Seq, effect: outbox.Search}] {
			l.apply(r.Seq, outbox.Event{Type: outbox.Due})
		}
		return
	}
	if l.conn != nil && l.conn.Age() > connFresh {
		l.dropConn()
	}
	if l.conn == nil {
		l.dial()
		return
	}
	l.due(r)
}

// due commits the submission before its first byte leaves.
func (l *lane) due(r outbox.Request) {
	if r.Kind != outbox.KindOrder {
		books, search := l.books[r.Seq], outbox.SearchForbidden
		delete(l.books, r.Seq)
		if books.Readable {
			search = outbox.SearchClear
		}
		l.apply(r.Seq, outbox.Event{Type: outbox.Due, Mark: outbox.NewMark(r.Seq, entropy()), Books: books, Search: search})
		return
	}
	mark := r.Mark()
	if mark == "" || r.Fresh {
		mark = outbox.NewMark(r.Seq, entropy())
	}
	body, shown, err := l.compose.order(r, mark, l.clock.Now().Time())
	if err != nil {
		l.apply(r.Seq, outbox.Event{Type: outbox.Refused, Reason: &outbox.Reason{Code: "invalidRequest", Message: "the order can't be forwarded: " + err.Error()}})
		return
	}
	l.body = body
	search := l.cleared[r.Seq]
	delete(l.cleared, r.Seq)
	l.apply(r.Seq, outbox.Event{Type: outbox.Due, Mark: mark, Shown: shown, Search: search})
}

// dial readies a fresh connection for the next submission, before that is written to disk, so that an outage costs
// neither doubt nor writes.
func (l *lane) dial() {
	if l.dialing || l.stopping() {
		return
	}
	l.dialing = true
	l.background(func(ctx context.Context) {
		conn, err := l.api.Dial(ctx)
		l.do(func() { l.dialled(conn, err) })
	})
}

func (l *lane) dialled(conn *api.Conn, err error) {
	l.dialing = false
	if err == nil {
		l.dropConn()
		l.conn, l.moved = conn, true
		return
	}
	l.health.saw(false, api.OutcomeUnavailable)
	at := l.store.Lane(l.terminal)
	if at.Holder != 0 || at.Head == 0 || l.stopping() {
		return
	}
	wait := storeAgain
	var out *api.UnavailableError
	if errors.As(err, &out) {
		wait = max(out.RetryAfter, 50*time.Millisecond)
	}
	if r, err := l.store.Get(at.Head); err == nil {
		l.waits(r, outbox.WaitAPIUnreachable, wait)
	}
	l.wakeAt(at.Head, outbox.TimerRetry, wait, false)
}

// expectRequest dials ahead for a request that is being written to disk, if the terminal is free for it.
func (l *lane) expectRequest() {
	l.do(func() {
		at := l.store.Lane(l.terminal)
		if at.Holder == 0 && at.Head == 0 && l.conn == nil && l.gate.code() == "" {
			l.dial()
		}
	})
}

// waits tells, without a write, why the head of the lane does not move.
func (l *lane) waits(r outbox.Request, code string, next time.Duration) {
	now := l.clock.Now()
	w := &outbox.Waiting{Code: code, Since: now, Attempts: r.Attempts}
	if next > 0 {
		w.Next = now.Add(next)
	}
	l.publish.waits(r, 1, w)
	l.show(r)
}

// tellPositions has the first of the queue told that they moved up, at most once a second.
func (l *lane) tellPositions(at outbox.Lane) {
	if at.Queued < 2 || l.told {
		return
	}
	l.told = true
	time.AfterFunc(positionsPace, func() {
		l.do(func() {
			l.told = false
			for i, r := range l.store.Positions(l.terminal, positionsTold) {
				l.publish.waits(r, i+1, nil)
			}
		})
	})
}
