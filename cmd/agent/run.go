package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/agent/config"
)

func newRun() *cobra.Command {
	var asSystemService bool
	c := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon until it is told to stop",
		Long: `run takes requests from the broker, keeps them on disk and carries them out, until
SIGTERM, SIGINT or SIGHUP (a terminal that is closed). It then stops in order
within a few seconds; a second signal ends it at once. Nothing that was told "queued" is lost either way.

It logs to stderr, by the configuration's [log].`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			ctx, stop := untilSignal(c.Context())
			defer stop()
			if asSystemService {
				return asService(ctx, func(ctx context.Context) error { return runService(ctx, c) })
			}
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			go paceCollector(ctx)
			return runAgent(ctx, cfg, newLogger(cfg.Log, c.ErrOrStderr()))
		},
	}
	c.Flags().BoolVar(&asSystemService, serviceFlag, false, "the service manager starts it")
	if err := c.Flags().MarkHidden(serviceFlag); err != nil {
		panic(err) // the flag is made one line above
	}
	return c
}

// runService runs as the service manager wants it. On Windows nobody reads what a service writes: why it ends goes to the
// event log, also where the configuration can't be read.
func runService(ctx context.Context, c *cobra.Command) error {
	cfg, err := loadConfig(c)
	log := config.Log{Format: config.LogText}
	if err == nil {
		log = cfg.Log
	}
	logger := serviceLogger(log, c.ErrOrStderr())
	if err == nil {
		go paceCollector(ctx)
		err = runAgent(ctx, cfg, logger)
	}
	if err != nil && runtime.GOOS == "windows" {
		logger.Error("tillpost ends", "err", err)
	}
	return err
}

// runAgent runs the agent until ctx ends. It notifies the service manager when it is ready and when it stops.
func runAgent(ctx context.Context, cfg *config.Config, logger *slog.Logger) error {
	b := thisBuild()
	a, err := agent.New(agent.Options{
		Config: cfg, Version: b.Version, Commit: b.Commit, Date: b.Date, Logger: logger,
		Started: func() { notify(logger, daemon.SdNotifyReady) },
	})
	if err != nil {
		if supervised() {
			stayCalm(ctx, err, calmFor, logger)
		}
		return fmt.Errorf("start: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { notify(logger, daemon.SdNotifyStopping) })
	defer stop()
	go feedWatchdog(ctx, a.Progress, logger)
	return a.Run(ctx)
}

// notify notifies systemd; without systemd it does nothing.
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
