package terminals

import (
	"log/slog"
	"sync"

	"tillpost/agent/lookups"
	"tillpost/api"
)

// ListFailures remembers why the terminals can't be listed, so that each reason is logged once. It may be used by several
// goroutines at once.
type ListFailures struct {
	log *slog.Logger

	mu  sync.Mutex
	why string
}

// NewListFailures has seen no failure yet.
func NewListFailures(log *slog.Logger) *ListFailures { return &ListFailures{log: log} }

// Log logs why a reply brought no list of terminals, unless the last one failed likewise. That the API can't be reached, or
// refuses the token, is logged by health.
func (l *ListFailures) Log(reply api.Reply) {
	why := ""
	switch reply.Outcome {
	case api.OutcomeAccepted:
	case api.OutcomeRefused, api.OutcomeNotFound, api.OutcomeAmbiguous:
		if lookups.Forbids(reply) || reply.HTTPStatus == 0 {
			return
		}
		why = reply.Message
		if reply.Err != nil {
			why = reply.Err.Error()
		}
	default:
		return
	}
	l.mu.Lock()
	was := l.why
	l.why = why
	l.mu.Unlock()
	if why != was && why != "" {
		l.log.Warn("the API does not list the terminals; the last list stands, and without one any terminal is taken. Is organization_uuid right?", "status", reply.HTTPStatus, "cause", why)
	}
}
