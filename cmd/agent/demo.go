package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/spf13/cobra"

	"tillpost/cmd/agent/demo"
	"tillpost/internal/term"
)

func newDemo() *cobra.Command {
	var once, keep bool
	var o demo.Options
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play a day in a shop, and tell it as it happens",
		Long: `demo plays a day in a shop with two card terminals in less than a minute: sales, a
busy terminal, a cut network, a killed process, a lost reply, refunds. It needs
nothing but this program. The daemon, its broker, its disk and its metrics are real;
Front Payment and its customers are simulated, and waiting times are short.

It exits with 0 only if every request ended as scripted and all books agree. At a
terminal the shop stays open after that, to play with, until Ctrl-C.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if once && keep {
				return usagef("--once ends after the day and --keep does not; choose one")
			}
			var err error
			if o.Program, err = os.Executable(); err != nil {
				return fmt.Errorf("find this program, to start the daemon with: %w", err)
			}
			// A reader that ends early, such as head, must not leave the daemon and its folder behind.
			signal.Ignore(syscall.SIGPIPE)
			ctx, stop := untilSignal(c.Context())
			defer stop()
			o.Out, o.Name = c.OutOrStdout(), calledAs(os.Args[0])
			width := term.Width(o.Out)
			o.Width, o.Colour = min(width, 80), width > 0 && wantsColour()
			o.Stay = keep || width > 0 && !once
			return demo.Run(ctx, o)
		},
	}
	c.Flags().BoolVar(&once, "once", false, "end after the day (what it does anyway where the output is no terminal)")
	c.Flags().BoolVar(&keep, "keep", false, "leave the shop open after the day, until Ctrl-C")
	c.Flags().BoolVar(&o.Fast, "fast", false, "no pauses for reading, and customers in a hurry")
	c.Flags().StringVar(&o.Dir, "dir", "", "work in this empty `FOLDER` and leave it behind (default a temporary one)")
	return c
}

// wantsColour follows the custom of NO_COLOR (no-color.org).
func wantsColour() bool { return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" }

// calledAs returns how a person calls this program. "go run" builds it as "agent", in a place that is gone with it.
func calledAs(arg0 string) string {
	if name := filepath.Base(arg0); name == "agent" || name == "agent.exe" {
		return "go run ./cmd/agent"
	}
	return arg0
}
