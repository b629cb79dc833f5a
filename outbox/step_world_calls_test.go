package outbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

func (w *world) carryOut(f Effect) error {
	switch f.Type {
	case WakeAt:
		w.timers[f.Timer] = w.uptime + f.After
	case SendCancel:
		if slices.ContainsFunc(w.strangers, func(o *apiOrder) bool { return o.uuid == f.OrderUUID }) {
			return errors.New("another till's order is cancelled")
		}
		w.ask(f)
	case Submit, Query, Search, SendResend, Judge:
		w.ask(f)
	default:
	}
	return nil
}

// ask starts a call, unless one with the same question is under way. If that one serves an earlier state, the question is
// asked once more after it.
func (w *world) ask(f Effect) {
	same := func(c apiCall) bool { return c.question.Type == f.Type && c.question.OrderUUID == f.OrderUUID }
	if i := slices.IndexFunc(w.calls, same); i >= 0 && f.Type != Submit {
		w.calls[i].again = w.calls[i].again || w.calls[i].entered != w.entries
		return
	}
	c := apiCall{question: f, entered: w.entries, begun: w.now, uptime: w.uptime}
	switch f.Type {
	case Submit:
		c.answer, c.hint = w.submit(f.Mark)
	case Query:
		c.answer = w.query(f.OrderUUID)
	case Search:
		c.answer = w.searchFor()
	case SendCancel:
		c.answer = w.cancel(f.OrderUUID)
	case Judge:
		c.answer = w.judge(f.OrderUUID)
	default:
		c.answer = w.oneOf(Event{Type: Done}, Event{Type: Busy}, Event{Type: Refused, Reason: apiRefused}, evAmbiguous)
	}
	w.calls = append(w.calls, c)
}

// answer ends the oldest call. What was asked in an earlier state and says nothing of any order is dropped, as the lane
// does; evidence is always handed in.
func (w *world) answer() error {
	if hint := w.calls[0].hint; hint != "" {
		w.calls[0].hint = ""
		return w.apply(Event{Type: CallbackSeen, OrderUUID: hint})
	}
	c := w.calls[0]
	w.calls = w.calls[1:]
	e := c.answer
	switch e.Type {
	case Unavailable, RateLimited, Unauthorized, Ambiguous:
		w.failed = w.uptime
	}
	if e.Search != SearchNone {
		e.Seen = Seen{Begun: c.begun, Answered: w.now, Broken: w.failed > c.uptime}
		w.search, w.seen, w.seenAt = e.Search, e.Seen, c.uptime
	}
	var err error
	evidence := e.Type == Accepted || e.Type == Found || e.Type == StatusSeen || e.Type == HintRead || e.Type == Refused && e.Reason == alreadyPd
	if c.entered == w.entries || evidence {
		err = w.apply(e)
	}
	if c.again && err == nil {
		w.ask(c.question)
		err = w.checkMoves()
	}
	if at, set := w.timers[TimerRetry]; err == nil && set && at <= w.uptime && !w.chance("the lane is slow", 4) {
		delete(w.timers, TimerRetry)
		err = w.due()
	}
	return err
}

// fire runs the next timer, or the lane's turn where that comes first.
func (w *world) fire() error {
	if w.turn && w.r.State == StateQueued {
		return w.due()
	}
	w.turn = false
	next := nextTimer(w.timers)
	if next == 0 {
		return nil
	}
	w.pass(max(w.timers[next]-w.uptime, 0))
	delete(w.timers, next)
	switch next {
	case TimerRetry:
		return w.due()
	case TimerExpire:
		return w.apply(w.withSearch(Event{Type: Expired}))
	case TimerCustomer:
		return w.apply(Event{Type: CustomerTimeout})
	case TimerDoubtCheck, TimerDoubtHold:
		return w.apply(Event{Type: DoubtTimeout, Timer: next})
	case TimerSearch:
		w.ask(Effect{Type: Search})
	case TimerCancel:
		return w.carryOut(Effect{Type: SendCancel, OrderUUID: w.r.OrderUUID})
	case TimerWatch:
		w.lookAgain()
	case TimerHint:
		for _, h := range w.r.Hints {
			w.ask(Effect{Type: Judge, OrderUUID: h.OrderUUID})
		}
	case TimerPoll:
		if w.r.OrderUUID == "" {
			w.ask(Effect{Type: Search})
		} else {
			w.ask(Effect{Type: Query, OrderUUID: w.r.OrderUUID})
		}
	}
	return nil
}

// nextTimer is the one that rings first, 0 if none is set.
func nextTimer(timers map[Timer]time.Duration) Timer {
	next := Timer(0)
	for t := TimerRetry; t <= TimerHint; t++ {
		if at, ok := timers[t]; ok && (next == 0 || at < timers[next]) {
			next = t
		}
	}
	return next
}

// lookAgain is what a lane does on TimerWatch.
func (w *world) lookAgain() {
	if w.r.NeedsSearch() {
		w.ask(Effect{Type: Search})
	}
	if w.r.OrderUUID != "" && w.r.State.Final() && w.r.State != StatePaid {
		w.ask(Effect{Type: Query, OrderUUID: w.r.OrderUUID})
	}
	for _, uuid := range w.r.Further {
		if !slices.Contains(w.r.FurtherPaid, uuid) {
			w.ask(Effect{Type: Query, OrderUUID: uuid})
		}
	}
}

// withSearch gives an event what the last search showed.
func (w *world) withSearch(e Event) Event {
	e.Search, e.Seen = w.search, w.seen
	e.Seen.Broken = e.Seen.Broken || w.failed > w.seenAt
	return e
}

func (w *world) due() error {
	w.turn = false
	w.marks++
	return w.apply(w.withSearch(Event{Type: Due, Mark: fmt.Sprintf("mark%d", w.marks), Shown: w.shown}))
}
