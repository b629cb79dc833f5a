package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"tillpost/internal/term"
	"tillpost/outbox/bolt"
)

// calmFor is how long a service whose outbox is damaged waits before it ends: its manager starts it again at once,
// and nothing but a person or another disk mends it.
const calmFor = 30 * time.Second

// needsPerson reports whether a start failed for the outbox's sake in a way that another start does not mend.
func needsPerson(err error) bool {
	_, damaged := errors.AsType[*bolt.DamagedError](err)
	return damaged || errors.Is(err, bolt.ErrMissing) || errors.Is(err, bolt.ErrNewerFormat)
}

// supervised reports whether a service manager has started this process, and starts it again.
func supervised() bool { return os.Getenv("NOTIFY_SOCKET") != "" }

// stayCalm waits before a failed start is reported to the service manager, if a person is needed; ctx ends it.
func stayCalm(ctx context.Context, err error, wait time.Duration, logger *slog.Logger) {
	if !needsPerson(err) {
		return
	}
	logger.Error("the start failed for a reason that another one does not mend: the next is in half a minute, and systemctl status says why")
	notify(logger, "STATUS="+term.OneLine(err.Error()))
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
