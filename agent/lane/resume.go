package lane

import (
	"context"
	"slices"
	"time"

	"tillpost/outbox"
)

// leftSending reports whether a call of a former process was under way when it ended, of which nobody knows what became.
func (ls *Lanes) leftSending() bool {
	return slices.ContainsFunc(ls.o.Store.Lanes(), func(at outbox.Lane) bool {
		return slices.ContainsFunc(at.Holders, func(seq uint64) bool {
			r, err := ls.o.Store.Get(seq)
			return err == nil && r.State == outbox.StateSending
		})
	})
}

// resume takes up what a former process left: lane holders at once, then the queues' deadlines and the second looks.
func (ls *Lanes) resume(ctx context.Context) {
	if ls.leftSending() {
		ls.o.Health.Doubted() // as after a submission that ended ambiguous
	}
	for _, at := range ls.o.Store.Lanes() {
		l := ls.lane(at.Terminal)
		if at.Holder != 0 {
			l.post(at.Holder, outbox.Event{Type: outbox.Restarted})
		}
		l.rouse()
	}
	now := ls.o.Clock.Now()
	err := ls.o.Store.EachOpen(ctx, "", func(r outbox.Request) bool {
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
		ls.o.Log.Error("the open requests could not all be read", "err", err)
	}
	err = ls.o.Store.Before(0, func(r outbox.Request) bool {
		if r.State.Final() {
			ls.resumeEnded(r)
			if ago, ok := now.Since(r.LastChange()); ok && r.Kind == outbox.KindOrder && r.OrderUUID != "" {
				ls.o.Reconciler.NotePast(r.OrderUUID, ago)
			}
		}
		return ctx.Err() == nil
	})
	if err != nil && ctx.Err() == nil {
		ls.o.Log.Error("the ended requests could not all be read", "err", err)
	}
}

// takeUpParked takes up a refund that waits beside its lane, and may have expired.
func (ls *Lanes) takeUpParked(r outbox.Request) {
	if ls.unheard() {
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
func (ls *Lanes) resumeHolder(r outbox.Request) {
	if r.Waiting != nil && r.Waiting.Code == outbox.WaitNeedsStaff {
		ls.alarmed(r, outbox.AlarmNeedsStaff)
	}
	if ls.o.Store.Lane(r.Terminal).Holder != r.Seq {
		ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.Restarted})
	}
}

// resumeEnded takes up the second looks and the alarms of a request that had ended.
func (ls *Lanes) resumeEnded(r outbox.Request) {
	switch {
	case r.State == outbox.StateUnresolved:
		ls.alarmed(r, outbox.AlarmUnresolved)
	case r.Alarmed && r.Late:
		ls.alarmed(r, outbox.AlarmLatePayment)
	case r.Alarmed:
		ls.alarmed(r, outbox.AlarmFurtherOrder)
	}
	if r.Watched() || len(r.Hints) > 0 {
		ls.o.Reconciler.NoteSearched(r)
		ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.Restarted})
	}
}

// TakeUpDoubts has every request in doubt looked into.
func (ls *Lanes) TakeUpDoubts(ctx context.Context) {
	err := ls.o.Store.EachOpen(ctx, "", func(r outbox.Request) bool {
		if r.State == outbox.StateInDoubt {
			ls.lane(r.Terminal).post(r.Seq, outbox.Event{Type: outbox.Restarted})
		}
		return ctx.Err() == nil
	})
	if err != nil && ctx.Err() == nil {
		ls.o.Log.Error("the requests in doubt could not all be read", "err", err)
	}
}
