package terminals

import (
	"log/slog"
	"sync"

	"tillpost/agent/lookups"
	"tillpost/api"
)

// ListFailures remembers why the terminals can't be listed, so that it is logged once: without a word, any terminal would be
// taken and nobody knew why. It may be used by several goroutines at once.
type ListFailures struct {
	log *slog.Logger

	mu  sync.Mutex
	why string
}

// NewListFailures remembers nothing yet.
func NewListFailures(log *slog.Logger) *ListFailures { return &ListFailures{log: log} }

// Log logs a reply to the list of terminals, if it brings news. An API that can't be reached, or that refuses the token,
// health tells of.
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
