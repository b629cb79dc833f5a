package agent

import "tillpost/outbox"

// count counts a request that came in, and one that ended.
func (a *Agent) count(r outbox.Request, previous outbox.State) {
	if previous == 0 {
		a.metrics.RequestAccepted(r.Kind.String())
	}
	if r.State.Final() && r.State != previous {
		took, ok := a.clock.Now().Since(r.Accepted)
		a.metrics.RequestFinished(r.Kind.String(), r.State.String(), took, ok && !previous.Final())
	}
}
