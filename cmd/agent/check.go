package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/check"
	"tillpost/agent/clock"
	"tillpost/internal/term"
)

func newCheck() *cobra.Command {
	var asJSON bool
	var timeout time.Duration
	var p probeFlags
	c := &cobra.Command{
		Use:   "check",
		Short: "Look whether all that tillpost needs is there and in order",
		Long: `check looks at the configuration, its secrets, the disk, the outbox, the clock, the
ports, the broker and the API, says in a line each how they are, and what to do
about what is not well. It exits with 1 if a line says FAIL; a warning is none.

It is harmless beside a running daemon: it places no order, only reads at the API,
and leaves nothing at the broker. Run it as the service's user, so that it may what
the service may: sudo -u tillpost tillpost check

--probe TERMINAL is something else: it asks the API what no document tells, with real
orders that it takes off the terminal again. It is for a demo account, or for the
first shop of a kind, says what it will do, and asks before.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if timeout <= 0 {
				return usagef("--timeout %s leaves no time to look; give it some seconds", timeout)
			}
			if p.terminal != "" {
				return runProbe(c, p, asJSON)
			}
			return runCheck(c, timeout, asJSON)
		},
	}
	p.register(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON object for machines")
	c.Flags().DurationVar(&timeout, "timeout", 30*time.Second, "be done within this `TIME`")
	return c
}

// report is what --json prints.
type report struct {
	OK       bool            `json:"ok"`
	Findings []check.Finding `json:"findings"`
}

func runCheck(c *cobra.Command, timeout time.Duration, asJSON bool) error {
	file, err := c.Flags().GetString("config")
	if err != nil {
		return err
	}
	ctx, stop := untilSignal(c.Context())
	defer stop()
	out, width := c.OutOrStdout(), term.Width(c.OutOrStdout())
	o := check.Options{File: file, Version: thisBuild().Version, Timeout: timeout}
	if runtime.GOOS == "linux" { // elsewhere the clock is trusted, not known
		o.Synchronized = clock.NewSystem().Synchronized
	}
	var all report
	var writing error
	failed := 0
	all.OK = check.Run(ctx, o, func(f check.Finding) {
		if f.Level == check.LevelFail {
			failed++
		}
		all.Findings = append(all.Findings, f)
		if !asJSON {
			writing = errors.Join(writing, f.Write(out, width))
		}
	})
	if asJSON {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		writing = e.Encode(all)
	}
	if writing != nil {
		return writing
	}
	if !all.OK {
		return fmt.Errorf("%d of %d checks failed; each says what to do", failed, len(all.Findings))
	}
	return nil
}
