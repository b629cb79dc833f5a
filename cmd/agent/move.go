package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"tillpost/internal/term"
	"tillpost/mqtt/message"
)

func newMove() *cobra.Command {
	var to, by string
	c := &cobra.Command{
		Use:   "move ID --to TERMINAL --by NAME",
		Short: "Have a request wait at another terminal",
		Long: `Puts an order, refund or approval that waits at one terminal, and of which nothing was ever
sent, at the end of the queue of another one. What was sent, or may have been, stays where
it is: it could be carried out twice. Its time to live runs on. The till that asked for it
goes on to be told on the topic where it listens, and may cancel it there. Who moved it,
and when, is kept in its history.`,
		Args: oneArg("request, by its requestId; tillpost requests lists them"),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case to == "":
				return usagef("name the terminal where it is to wait with --to TERMINAL; tillpost status lists them")
			case by == "":
				return errNoName()
			}
			return move(c, args[0], to, by)
		},
	}
	c.Flags().StringVar(&to, "to", "", "the uuid of the `TERMINAL` where it is to wait")
	c.Flags().StringVar(&by, "by", "", "your `NAME`, which is kept")
	return daemonFlags(c)
}

func move(c *cobra.Command, id, to, by string) error {
	raw, err := post(c, "/api/v1/requests/"+url.PathEscape(id)+"/move", map[string]string{"to": to, "by": by})
	if err != nil {
		return err
	}
	var s message.Status
	if err := readAnswer(raw, &s); err != nil {
		return err
	}
	stands, place := term.Printable(s.State), "" // it may have begun already, where nothing waited
	if s.QueuePosition > 0 {
		stands, place = "waits", fmt.Sprintf(", number %d", s.QueuePosition)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s at %s%s\n", term.Printable(s.RequestID), stands, term.Printable(s.TerminalUUID), place)
	return err
}
