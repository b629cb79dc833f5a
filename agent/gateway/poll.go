package gateway

import (
	"context"
	"maps"
	"sync"
	"time"

	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

const (
	// pollSingly is how many orders may be on terminals before one list covers them all.
	pollSingly = 3
	// pollFresh is how old a list may be to answer a poll.
	pollFresh = time.Second
	// pollOwn is how long the list alone is believed of an order, if there are no more than ten: it may lag behind the order's
	// own status. Of more orders one is asked for each second, at whatever time they began.
	pollOwn     = 10 * time.Second
	pollOwnPace = time.Second
	// pollOwnMost is how many of them are asked for at a time: those whose polls coincide, once some seconds.
	pollOwnMost = 5
	// pollDoubt is how often in a row an order may be missing from the list while its own status is pending, before
	// the list is taken for one that does not show our orders.
	pollDoubt = 3
)

// poller answers status polls: each by a call of its own while they are few, and by one list of what is still sent
// (operation 11) for all of them when they are many. An order that the list no longer shows is asked for by itself.
type poller struct {
	api *api.Client

	mu      sync.Mutex
	alone   time.Time // until when the list is left alone: the API does not let us have it, or it is of no use
	polled  map[string]polled
	pending map[string]bool // the last list of what is sent
	at      time.Time       // when that list was asked for
	busy    chan struct{}   // closed when the list under way is done; nil while none is
	missing int
	own     time.Time // when the next order that the list covers may be asked for by itself; what passed since adds up
}

// polled is when an order was polled, and when it was last asked for by itself or first polled.
type polled struct{ first, last, own time.Time }

// covered reports whether an order is still pending by the list; where not, it is to be asked for by itself.
func (p *poller) covered(ctx context.Context, orderUUID string) bool {
	if !p.many(orderUUID) {
		return false
	}
	for {
		p.mu.Lock()
		switch {
		case time.Now().Before(p.alone):
			p.mu.Unlock()
			return false
		case time.Since(p.at) < pollFresh:
			pending := p.pending[orderUUID] && !p.overdue(orderUUID)
			p.mu.Unlock()
			return pending
		case p.busy == nil:
			done := make(chan struct{})
			p.busy = done
			p.mu.Unlock()
			ok := p.list(ctx)
			close(done)
			if !ok {
				return false
			}
		default:
			wait := p.busy
			p.mu.Unlock()
			select {
			case <-wait:
			case <-ctx.Done():
				return false
			}
		}
	}
}

// many notes a poll, and reports whether more orders are polled than can be asked for one by one.
func (p *poller) many(orderUUID string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	this, known := p.polled[orderUUID]
	if !known {
		this.first, this.own = now, now
	}
	this.last = now
	p.polled[orderUUID] = this
	maps.DeleteFunc(p.polled, func(_ string, other polled) bool { return now.Sub(other.last) > time.Minute })
	return len(p.polled) > pollSingly
}

// overdue reports whether an order was not asked for by itself for too long; then the caller, who holds the lock, asks now.
func (p *poller) overdue(orderUUID string) bool {
	this, now := p.polled[orderUUID], time.Now()
	if p.own.After(now) || now.Sub(this.own) < max(pollOwn, time.Duration(len(p.polled))*pollOwnPace) {
		return false
	}
	if saved := now.Add(-(pollOwnMost - 1) * pollOwnPace); p.own.Before(saved) {
		p.own = saved
	}
	p.own = p.own.Add(pollOwnPace)
	this.own = now
	p.polled[orderUUID] = this
	return true
}

// list reads what is still sent, and reports whether it could. Where not, polls are left to calls of their own for a while.
func (p *poller) list(ctx context.Context) bool {
	begun := time.Now()
	pending := map[string]bool{}
	reply := p.api.OrderStatuses(ctx, "SENT", func(o api.OrderStatus) error {
		if o.State() == api.PaymentPending {
			pending[o.UUID] = true
		}
		return nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy = nil
	if reply.Outcome != api.OutcomeAccepted {
		if reply.Outcome != api.OutcomeUnavailable && reply.Outcome != api.OutcomeRateLimited {
			p.alone = time.Now().Add(lookups.AskAgainEvery)
		}
		return false
	}
	p.pending, p.at = pending, begun
	return true
}

// seen notes an order's own status after the list did not show it. Where such orders are pending all the same, the list does not
// show orders like ours.
func (p *poller) seen(orderUUID string, status outbox.OrderStatus) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if status != outbox.StatusPending {
		p.missing = 0
		delete(p.polled, orderUUID)
		return
	}
	if p.at.After(p.polled[orderUUID].first) && !p.pending[orderUUID] {
		p.missing++
		if p.missing >= pollDoubt {
			p.missing = 0
			p.alone = time.Now().Add(lookups.AskAgainEvery)
		}
	}
}

// Poll asks for the payment status of an order on its terminal, in the cheapest way. Its event is that of Status.
func (g *Gateway) Poll(ctx context.Context, orderUUID string) outbox.Event {
	if g.poller.covered(ctx, orderUUID) {
		return outbox.Event{Type: outbox.StatusSeen, OrderUUID: orderUUID, Status: outbox.StatusPending}
	}
	e := g.Status(ctx, orderUUID, false)
	if e.Type == outbox.StatusSeen {
		g.poller.seen(orderUUID, e.Status)
	}
	return e
}
