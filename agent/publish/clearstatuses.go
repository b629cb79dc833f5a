package publish

import (
	"context"
	"time"
)

const (
	// clearEvery bounds how much later than its time a status is cleared.
	clearEvery = 10 * time.Second
	// saveEndingsEvery is how often the bounds of what was cleared are written to disk; saveEndingsGrace is how long that may
	// take the last time.
	saveEndingsEvery = time.Hour
	saveEndingsGrace = time.Second
)

// ClearStatuses clears the retained statuses of what ended longer ago than mqtt.status_retention, until ctx ends. It writes to
// disk how far that goes, once an hour and at the end.
func (p *Publisher) ClearStatuses(ctx context.Context) {
	look, keep := time.NewTicker(clearEvery), time.NewTicker(saveEndingsEvery)
	defer look.Stop()
	defer keep.Stop()
	for {
		select {
		case <-ctx.Done():
			p.saveEndingsAtEnd(ctx)
			return
		case <-keep.C:
			p.saveEndings(ctx)
		case <-look.C:
			if p.endingsLowered() {
				p.saveEndings(ctx)
			}
			p.clearAllDue(ctx)
		}
	}
}

// clearAllDue clears what is over by now.
func (p *Publisher) clearAllDue(ctx context.Context) {
	for more := true; more && ctx.Err() == nil; {
		var err error
		if more, err = p.clearDue(); err != nil {
			p.o.Log.Error("requests that have ended could not be read to clear their statuses", "err", err)
			return
		}
	}
}

// saveEndingsAtEnd is saveEndings after ctx has ended.
func (p *Publisher) saveEndingsAtEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveEndingsGrace)
	defer cancel()
	p.saveEndings(ctx)
}

// saveEndings writes the bounds of what was cleared to disk. What is not written is found anew at the next start.
func (p *Publisher) saveEndings(ctx context.Context) {
	if raw := p.encodeEndings(); raw != nil {
		if err := p.o.Store.PutBlob(ctx, endingsBlob, raw); err != nil && ctx.Err() == nil {
			p.o.Log.Warn("how far the retained statuses are cleared could not be kept on disk", "err", err)
		}
	}
}
