package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"tillpost/agent"
	"tillpost/outbox"
)

func newOutboxExport() *cobra.Command {
	var bodies bool
	c := &cobra.Command{
		Use:   "export",
		Short: "Print every request in the outbox as a line of JSON",
		Long: `Prints every request, open and ended, in the order of acceptance: a JSON object per
line, in the shape of the status message, with its history and the marks under which
it was sent. There is nothing personal in it.

--with-bodies adds what is: what the till asked to forward, with the customer's name,
phone, mail and address (only open and unresolved requests still have it), and the
names of the staff who settled requests. Keep such an export as you have to keep
personal data, and delete it when it has served.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := outboxPath(c)
			if err != nil {
				return err
			}
			if bodies {
				if _, err := fmt.Fprintln(c.ErrOrStderr(), "the export holds customers' names, phones, mails and addresses; keep it safe and delete it when it has served"); err != nil {
					return err
				}
			}
			return exportOutbox(c.OutOrStdout(), path, bodies)
		},
	}
	c.Flags().BoolVar(&bodies, "with-bodies", false, "with personal data: what tills asked to forward, and who settled requests")
	return c
}

func exportOutbox(w io.Writer, path string, bodies bool) (err error) {
	r, err := openOutbox(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	var failed error
	err = r.Each(func(rq outbox.Request) bool {
		failed = enc.Encode(agent.Export(rq, bodies))
		return failed == nil
	})
	return errors.Join(err, failed, out.Flush())
}
