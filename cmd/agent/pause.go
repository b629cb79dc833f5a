package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"tillpost/internal/term"
	"tillpost/mqtt/message"
)

func newPause() *cobra.Command {
	return pauseCommand("pause", "Have a terminal start nothing new", `Pauses a terminal: nothing is started from its queue any more, what is on it goes on to
its end, and then its display says "offline". Requests for it are still taken, wait
(paused), and expire as ever. It stays so, over restarts, until tillpost resume. Who paused
it, and when, is told with it.`)
}

func newResume() *cobra.Command {
	return pauseCommand("resume", "Have a paused terminal go on", `Has a terminal go on that was paused: what waits there is started, in its order.`)
}

func pauseCommand(word, short, long string) *cobra.Command {
	var by string
	c := &cobra.Command{
		Use:   word + " TERMINAL --by NAME",
		Short: short,
		Long:  long,
		Args:  oneArg("terminal, by its uuid; tillpost status lists them"),
		RunE:  func(c *cobra.Command, args []string) error { return pause(c, word, args[0], by) },
	}
	c.Flags().StringVar(&by, "by", "", "your `NAME`, which is kept")
	return daemonFlags(c)
}

func errNoName() error { return usagef("say who you are with --by NAME; it is kept") }

func pause(c *cobra.Command, word, terminal, by string) error {
	if by == "" {
		return errNoName()
	}
	raw, err := post(c, "/api/v1/terminals/"+url.PathEscape(terminal)+"/"+word, map[string]string{"by": by})
	if err != nil {
		return err
	}
	var t message.TerminalInfo
	if err := readAnswer(raw, &t); err != nil {
		return err
	}
	text := "goes on"
	if t.Paused != nil {
		text = "paused by " + term.Printable(t.Paused.By)
		if t.Lane != "paused" {
			text += "; what is on it goes on to its end"
		}
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", terminal, text)
	return err
}
