package lane

import (
	"tillpost/agent/publish"
	"tillpost/outbox"
)

// effect runs one effect of a committed change. It decides nothing.
func (l *lane) effect(r outbox.Request, e outbox.Event, f outbox.Effect) {
	x := executors[r.Kind]
	switch f.Type {
	case outbox.Submit:
		if l.stopping() { // nothing is sent any more, so it leaves no doubt
			l.dropConn()
			l.post(r.Seq, outbox.Event{Type: outbox.Unavailable})
			return
		}
		x.submit(l, r)
	case outbox.Query:
		x.query(l, r, f.OrderUUID)
	case outbox.Search:
		x.search(l, r)
	case outbox.SendCancel:
		x.cancel(l, r, f.OrderUUID)
	case outbox.SendResend:
		x.resend(l, r, f.OrderUUID)
	case outbox.Settle:
		l.settle(r)
	case outbox.Judge:
		l.judge(r, f.OrderUUID)
	case outbox.WakeAt:
		l.wakeAt(r.Seq, f.Timer, f.After, f.Answering)
	case outbox.Publish:
		if f.Waiting != nil {
			l.o.Publish.Waits(r, publish.HeadOfLane, f.Waiting) // only the head of a lane waits for what is not on disk
		}
		if e.Type == outbox.CheckWanted {
			l.o.Publish.Republish(r)
		}
		// A durable change is published when it is committed, in commit order.
	case outbox.Alarm:
		if f.Code == outbox.AlarmLatePayment || f.Code == outbox.AlarmFurtherOrder {
			l.o.Metrics.LatePayment()
		}
		l.alarmed(r, f.Code)
	case outbox.Ignored:
		l.o.Metrics.IgnoredEvent(r.State.String(), e.Type.String())
		l.o.Log.Debug("an event had no meaning", "request", r.ID, "state", r.State.String(), "event", e.Type.String(), "why", f.Code)
	}
}
