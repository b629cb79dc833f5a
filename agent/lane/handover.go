package lane

import "tillpost/outbox"

// handover is the first turn of the order that waits next at a lane, made in the commit that ends the sale before it.
type handover struct {
	start
	made bool // it was tried, and next and err are what came of it
	next outbox.Added
	err  error
}

// handOver readies the turn of what waits next, where an event ends a sale; nil where it does not, nothing may start then, or no
// connection stands ready for it: dialled after the commit, it would lengthen the moment in which a death leaves a doubt.
func (l *lane) handOver(seq uint64, e outbox.Event) *handover {
	if e.Type != outbox.StatusSeen || e.Status == outbox.StatusPending {
		return nil
	}
	at := l.o.Store.Lane(l.terminal)
	if at.Holder != seq || at.Head == 0 || len(at.Holders) > 1 || l.waitsAt(l.terminal) {
		return nil
	}
	c := l.atHand()
	if c.Conn == nil {
		return nil
	}
	return &handover{start: start{lane: l, conn: c}}
}

// Turn makes the turn of an order that was never tried, within the commit; the lane waits for that meanwhile. With others it comes
// by itself.
func (h *handover) Turn(r outbox.Request) (e outbox.Event, ok bool) {
	l := h.lane
	if r.Kind != outbox.KindOrder || r.CancelWanted || r.Attempts > 0 || l.known(r.Seq).timers[outbox.TimerRetry] != nil {
		return e, false
	}
	if e, ok = h.start.Turn(r); ok {
		h.id = r.ID
	}
	return e, ok
}

// write is the store's Apply, and with it the turn, once: a commit that is tried again is the event's alone. An ordered stop waits for
// a turn that is being written, and for no try after that.
func (h *handover) write(l *lane, seq uint64, e outbox.Event) (r outbox.Request, fx []outbox.Effect, err error) {
	if h == nil || h.made || !l.begins() {
		return l.o.Store.Apply(l.ctx, seq, e)
	}
	defer l.inFlight.Done()
	h.made = true
	r, fx, h.next, h.err = l.o.Store.Release(l.ctx, seq, e, h.Turn)
	return r, fx, h.err
}

// done goes on with what came of the turn.
func (h *handover) done() {
	switch {
	case h == nil:
	case h.id == "": // none was made
		h.lane.keepConn(h.conn)
	default:
		h.took(h.next, h.err)
	}
}
