package fence

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"tillpost/agent/blob"
	"tillpost/agent/health"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// unknownBlob is the name under which the marks and statuses are kept that this outbox should know and does not, so that each
// places a hold once: an operator who has accepted this copy is not asked again.
const unknownBlob = "strangers"

// unknownMost bounds them.
const unknownMost = 1000

// SawStatus is called with each status that the broker retains. One at a higher revision than ours, or of a request that we have
// never seen and that has not ended, was published by a newer copy of this outbox than the one that runs.
func (f *Fence) SawStatus(topic string, payload []byte) {
	id := f.o.Topics.StatusID(topic)
	var s struct {
		RequestID string `json:"requestId"`
		Revision  uint64 `json:"revision"`
		Final     bool   `json:"final"`
		State     string `json:"state"`
	}
	if id == "" || json.Unmarshal(payload, &s) != nil || s.RequestID != id || s.Revision == 0 {
		return // it is no status of ours
	}
	r, err := f.o.Store.Lookup(id)
	switch known := err == nil || errors.Is(err, outbox.ErrPruned); {
	case !known && !errors.Is(err, outbox.ErrNotFound):
		f.o.Log.Warn("a retained status could not be compared with the outbox", "request", id, "err", err)
	case known && s.Revision > f.atOpen.revision(id, r.Revision):
		f.sawUnknown(fmt.Sprint("status ", id, " ", s.Revision), fmt.Sprintf("the broker holds the status %s of request %s at revision %d, this outbox had it at %d", s.State, id, s.Revision, f.atOpen.revision(id, r.Revision)))
	case !known && !s.Final:
		f.sawUnknown(fmt.Sprint("status ", id, " ", s.Revision), fmt.Sprintf("the broker holds the status %s of request %s, which this outbox has never seen", s.State, id))
	}
}

// sawSettled takes how far the statuses went that a former process of this outbox had cleared at the broker. Where that is
// beyond what this outbox held when it was opened, that process had a newer copy. What we announce does not go back behind it.
func (f *Fence) sawSettled(s message.SettledThrough) {
	ours := f.peers.openedAt
	if s.Accepted > ours.Accepted {
		f.sawUnknown(fmt.Sprint("accepted ", s.Accepted), fmt.Sprintf("by the agent's word at the broker request number %d was accepted and done with, this outbox has accepted %d", s.Accepted, ours.Accepted))
	}
	if s.Commits > ours.Commits {
		f.sawUnknown(fmt.Sprint("commits ", s.Commits), fmt.Sprintf("by the agent's word at the broker the outbox was written %d times, this one %d times", s.Commits, ours.Commits))
	}
	f.reports.Settled(s)
}

// doubtOpen puts the open requests in doubt, as a process with this outbox, of a generation, is or was at work elsewhere. What
// the disk does not take is tried again until it does; until then nothing that is queued ends as one that was never sent.
func (f *Fence) doubtOpen(generation uint64) {
	ctx := f.ctx
	if !f.o.Store.Identity().RolledBack {
		f.o.Gate.Shut(health.GateDoubting)
	}
	doubted, err := f.o.Store.Distrust(ctx, generation)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		f.o.Log.Error("the open requests could not be put in doubt; nothing is sent all the same, and it is tried again", "err", err)
		f.doubtFailed.Store(true)
		time.AfterFunc(retryWriteAfter, func() { f.doubtOpen(generation) })
	default:
		f.o.Gate.Open(health.GateDoubting)
		// A try that failed may be on disk all the same, and have left nothing to this one.
		if f.doubtFailed.Swap(false) || doubted > 0 {
			f.o.Log.Warn("the open requests are in doubt", "requests", doubted)
			f.reports.Doubted(ctx)
		}
	}
}

// UnknownOrder is called with an order that bears a mark of this outbox which it does not know: a newer copy has placed it.
func (f *Fence) UnknownOrder(mark, orderUUID string) {
	f.sawUnknown(mark, fmt.Sprintf("the API holds order %s, which was placed from this outbox and which it does not know", orderUUID))
}

// sawUnknown takes something that only a newer copy of this outbox can have made, under a name of its own. What turns up within
// priorCopyFor after an operator has accepted this copy was made before that, and is accepted with it.
func (f *Fence) sawUnknown(name, found string) {
	ctx := f.ctx
	f.unknownMu.Lock()
	defer f.unknownMu.Unlock()
	known, err := blob.Read[[]string](f.o.Store, unknownBlob)
	if err != nil {
		f.o.Log.Warn("what is not known could not be read; it is told of anew", "err", err)
	}
	switch {
	case slices.Contains(known, name):
		return
	case f.o.Clock.Now().Time().Before(f.acceptedUntil):
		f.o.Log.Warn("something of the newer copy turned up that an operator has accepted to go on without", "found", found)
	default:
		f.placeRolledBack(found + "; it is an older copy, and what is open in it is in doubt")
		f.doubtOpen(f.o.Store.Identity().Generation) // it was put back at the same generation
	}
	known = append(known, name)
	if err := blob.Write(ctx, f.o.Store, unknownBlob, known[max(0, len(known)-unknownMost):]); err != nil && ctx.Err() == nil {
		f.o.Log.Warn("what is not known could not be kept; it is told of anew after a restart", "err", err)
	}
}
