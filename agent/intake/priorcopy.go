package intake

import (
	"encoding/json"
	"time"

	"tillpost/outbox"
)

// revisionMost bounds what is believed of a revision that a broker shows.
const revisionMost = 1 << 20 // no request has that many

// priorStatus is what counts of a status that a prior copy of the outbox has published: a newer copy that ran before an older one,
// or before one that was restored. The broker still holds it.
type priorStatus struct {
	State     string `json:"state"`
	Revision  uint32 `json:"revision"`
	OrderUUID string `json:"orderUuid"`
}

// priorStatus returns the status that a prior copy published on a topic; zero if there is none.
func (in *Intake) priorStatus(topic string, now time.Time) (s priorStatus, err error) {
	if in.recaller == nil || !in.o.Older() && !now.Before(in.o.AcceptedUntil) {
		return s, nil
	}
	raw, err := in.recaller.Recall(topic)
	if err != nil || len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return priorStatus{}, err // what is no status is not ours
	}
	s.Revision = min(s.Revision, revisionMost)
	return s, nil
}

// seenByPriorCopy returns a new request in doubt if a prior copy of the outbox has published its status: it may have been carried
// out there. hint is the order that was named then, to be verified. An error says that the broker could not be asked.
func (in *Intake) seenByPriorCopy(r outbox.Request, now outbox.Instant) (doubted outbox.Request, hint string, err error) {
	if !r.Kind.Laned() {
		return r, "", nil
	}
	prior, err := in.priorStatus(in.o.Topics.Status(r.Terminal, r.ID), now.Time())
	if err != nil || prior.State == "" {
		return r, "", err
	}
	in.o.Log.Warn("a request that this copy of the outbox does not know was told of by a newer one; it is in doubt", "request", r.ID, "terminal", r.Terminal, "told", prior.State)
	// Tills take lower revisions for old news.
	r.Revision, r.Folded = r.Revision+uint64(prior.Revision), r.Folded+int(prior.Revision)
	if r.Kind == outbox.KindOrder {
		hint = prior.OrderUUID
	}
	return outbox.AfterRestore(r, now), hint, nil
}
