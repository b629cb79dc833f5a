package intake

import (
	"encoding/json"
	"time"

	"tillpost/mqtt"
	"tillpost/outbox"
)

// revisionMost bounds what is believed of a revision that a broker shows.
const revisionMost = 1 << 20 // no request has that many

// priorCopy finds out whether a request that is new to an older copy of the outbox, or to a restored one, was already
// known to the newer copy: then the broker still holds its status.
type priorCopy struct {
	// recaller asks the broker what it retains on a topic; nil where it remembers nothing.
	recaller mqtt.Recaller
	// older tells that this copy is an older one, or was restored, and that nobody has accepted it.
	older func() bool
	// until: it was accepted, and may still be asked for what it has forgotten.
	until time.Time
}

// priorStatus is what counts of a status that a newer copy has told.
type priorStatus struct {
	State     string `json:"state"`
	Revision  uint32 `json:"revision"`
	OrderUUID string `json:"orderUuid"`
}

// statusOf gives the status that a newer copy told of a request; zero if there is none.
func (f *priorCopy) statusOf(topic string, now time.Time) (s priorStatus, err error) {
	if f.recaller == nil || !f.older() && !now.Before(f.until) {
		return s, nil
	}
	raw, err := f.recaller.Recall(topic)
	if err != nil || len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return priorStatus{}, err // what is no status is none of ours
	}
	s.Revision = min(s.Revision, revisionMost)
	return s, nil
}

// seenByPriorCopy puts a new request in doubt that a newer copy of the outbox has told of: it may have been carried out there. It
// gives the order that was named then, as a hint to be verified. An error says that the broker could not be asked.
func (in *Intake) seenByPriorCopy(r outbox.Request, now outbox.Instant) (doubted outbox.Request, hint string, err error) {
	if !r.Kind.Laned() {
		return r, "", nil
	}
	prior, err := in.priorCopy.statusOf(in.topics.Status(r.Terminal, r.ID), now.Time())
	if err != nil || prior.State == "" {
		return r, "", err
	}
	in.log.Warn("a request that this copy of the outbox does not know was told of by a newer one; it is in doubt", "request", r.ID, "terminal", r.Terminal, "told", prior.State)
	// Tills take lower revisions for old news.
	r.Revision, r.Folded = r.Revision+uint64(prior.Revision), r.Folded+int(prior.Revision)
	if r.Kind == outbox.KindOrder {
		hint = prior.OrderUUID
	}
	return outbox.AfterRestore(r, now), hint, nil
}

// notRecalled leaves messages with the broker that could not be asked about the first of them: they come again.
func (in *Intake) notRecalled(batch []mqtt.Delivery, err error) {
	in.log.Warn("the broker could not be asked what a newer copy of the outbox has told of a request; it is taken when it comes again", "err", err)
	rest := in.failFromNowOn(err)
	fail(batch, err)
	fail(rest, err)
}
