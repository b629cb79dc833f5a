package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/agent/config"
)

func newRun() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "Run the daemon until it is told to stop",
		Long: `run takes requests from the broker, keeps them on disk and carries them out, until
SIGTERM, SIGINT or SIGHUP (a terminal that is closed). It then stops in order
within a few seconds; a second signal ends it at once. Nothing that was told "queued" is lost either way.

It logs to stderr, by the configuration's [log].`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			go paceCollector(ctx)
			return runAgent(ctx, cfg, newLogger(cfg.Log, c.ErrOrStderr()))
		},
	}
}

// runAgent runs until ctx ends. The service manager hears of both ends.
func runAgent(ctx context.Context, cfg *config.Config, logger *slog.Logger) error {
	v, rev := buildVersion(version, commit, readBuildInfo())
	a, err := agent.New(agent.Options{Config: cfg, Version: v, Commit: rev, Logger: logger})
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	notify(logger, daemon.SdNotifyReady)
	stop := context.AfterFunc(ctx, func() { notify(logger, daemon.SdNotifyStopping) })
	defer stop()
	return a.Run(ctx)
}

// notify tells systemd; without systemd it does nothing.
func notify(logger *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		logger.Warn("systemd could not be told how the service stands", "state", state, "err", err)
	}
}

// untilSignal returns a context that ends with the first SIGTERM, SIGINT or SIGHUP. The second one then ends the process.
func untilSignal(parent context.Context) (ctx context.Context, stop context.CancelFunc) {
	signals := []os.Signal{syscall.SIGINT, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as nohup has it
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, stop = signal.NotifyContext(parent, signals...)
	context.AfterFunc(ctx, stop)
	return ctx, stop
}

func newLogger(l config.Log, w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
