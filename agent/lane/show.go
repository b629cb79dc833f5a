package lane

import (
	"cmp"
	"time"

	"tillpost/agent/health"
	"tillpost/agent/publish"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// shown is what a terminal's display shows now. Owned by the lane, but for last, which others read.
type shown struct {
	last  message.Display
	ended *outbox.Request // shown until its time is over
	timer *time.Timer
	stale bool // the lane has changed since
}

// show has the display brought up to date after a change of r, or for a zero r after any other change of the lane. How r ended is
// shown at once, and what the lane comes to once the lane has done what it does now.
func (l *lane) show(r outbox.Request) {
	if r.Seq != 0 && r.State.Final() && r.ID == l.shown.last.RequestID && l.shown.ended == nil {
		l.showEnding(r)
	}
	l.shown.stale = true
}

// showPresent brings the display up to date.
func (l *lane) showPresent() {
	l.shown.stale = false
	at := l.o.Store.Lane(l.terminal)
	var current *outbox.Request
	if seq := cmp.Or(at.Holder, at.Head); seq == 0 {
		current = l.shown.ended
	} else if got, err := l.o.Store.Get(seq); err == nil {
		current = &got
		l.forgetEnding()
	}
	l.tell(current, at.Queued)
}

// showEnding shows how a request ended, for a while if nothing follows.
func (l *lane) showEnding(r outbox.Request) {
	l.tell(&r, l.o.Store.Lane(l.terminal).Queued)
	l.shown.ended = &r
	l.shown.timer = time.AfterFunc(publish.ShownFor, func() {
		l.do(func() {
			l.forgetEnding()
			l.show(outbox.Request{})
		})
	})
}

func (l *lane) forgetEnding() {
	if l.shown.timer != nil {
		l.shown.timer.Stop()
	}
	l.shown.ended, l.shown.timer = nil, nil
}

// tell publishes the display if it changed.
func (l *lane) tell(r *outbox.Request, queued int) {
	var waiting *outbox.Waiting
	if r != nil {
		waiting = l.o.Publish.WaitingOf(*r)
	}
	d := publish.DisplayOf(l.terminal, l.o.Directory.Name(l.terminal), r, waiting, queued, l.o.Clock.Now().Time())
	unheld := r == nil || r.State == outbox.StateQueued
	if r == nil && l.o.Problems.Has(health.ProblemAPIUnreachable) || unheld && l.o.Pauses.Of(l.terminal) != nil {
		d.Phase = message.PhaseOffline
		d.Text = d.Phase.Text()
	}
	l.mu.Lock()
	last := l.shown.last
	same := d.Phase == last.Phase && d.RequestID == last.RequestID
	if same {
		d.Since = last.Since
	}
	same = same && d.QueueLength == last.QueueLength && d.Name == last.Name
	l.shown.last = d
	l.mu.Unlock()
	if !same {
		l.o.Publish.Display(d)
	}
	l.o.Publish.Touch(publish.SummaryTerminals) // what the lane does may have changed behind the same display
}
