package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// The service manager's watchdog is fed four times in its interval, and only by progress.
const watchdogShare = 4

// watched is what a watchdog calls; when ctx ends, it returns an error that says what hangs.
type watched func(ctx context.Context) error

// feedWatchdog feeds systemd's watchdog, where there is one, until ctx ends.
func feedWatchdog(ctx context.Context, progress watched, logger *slog.Logger) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		logger.Warn("the service manager's watchdog is not fed", "err", err)
		return
	}
	if interval > 0 {
		feed(ctx, interval/watchdogShare, progress, func() { notify(logger, daemon.SdNotifyWatchdog) }, logger)
	}
}

// feed calls fed once at every step in which there was progress.
func feed(ctx context.Context, step time.Duration, progress watched, fed func(), logger *slog.Logger) {
	tick := time.NewTicker(step)
	defer tick.Stop()
	hangs := false
	for {
		look, done := context.WithTimeout(ctx, step)
		err := progress(look)
		done()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			fed()
		case !hangs:
			logger.Error("no progress: the watchdog is not fed, and ends this process if it stays so", "hangs", err)
		}
		hangs = err != nil
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
