package main

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"tillpost/mqtt/message"
)

// decision is what a person decided by tillpost resolve.
type decision struct {
	adopt             string
	resubmit, abandon bool
	by                string
	revision          uint64
}

func newResolve() *cobra.Command {
	var d decision
	c := &cobra.Command{
		Use:   "resolve ID (--adopt UUID | --resubmit | --abandon) --by NAME",
		Short: "Settle a request of which nobody knows whether it was carried out",
		Long: `Settles a request that is in_doubt or unresolved, after a look at the terminal and
at Front Payment:

  --adopt UUID  it was carried out: UUID is its order
  --resubmit    it was not: send it again (once doubt_check has passed and a new
                search has found nothing)
  --abandon     give it up

It also ends the alarm of a late payment. Who decided is kept.`,
		Args: oneArg("requestId; tillpost resolve --help tells more"),
		RunE: func(c *cobra.Command, args []string) error { return resolve(c, args[0], d) },
	}
	c.Flags().StringVar(&d.adopt, "adopt", "", "the order `UUID` that was created for it")
	c.Flags().BoolVar(&d.resubmit, "resubmit", false, "send it again")
	c.Flags().BoolVar(&d.abandon, "abandon", false, "give it up")
	c.Flags().StringVar(&d.by, "by", "", "your `NAME`, which is kept with the decision")
	c.Flags().Uint64Var(&d.revision, "revision", 0, "refuse if the request has changed since this `REVISION`")
	return daemonFlags(c)
}

// body returns the decision as the body of the call to the daemon.
func (d decision) body() (any, error) {
	chosen := 0
	outcome := ""
	for _, o := range []struct {
		is   bool
		name string
	}{{d.adopt != "", message.OutcomeAdopt}, {d.resubmit, message.OutcomeResubmit}, {d.abandon, message.OutcomeAbandon}} {
		if o.is {
			outcome = o.name
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return nil, usagef("choose one of --adopt UUID, --resubmit and --abandon")
	case d.by == "":
		return nil, usagef("say who decides with --by NAME; it is kept with the decision")
	}
	return struct {
		Outcome   string `json:"outcome"`
		OrderUUID string `json:"orderUuid,omitempty"`
		Revision  uint64 `json:"revision,omitempty"`
		By        string `json:"by"`
	}{outcome, d.adopt, d.revision, d.by}, nil
}

func resolve(c *cobra.Command, id string, d decision) error {
	body, err := d.body()
	if err != nil {
		return err
	}
	raw, err := post(c, "/api/v1/requests/"+url.PathEscape(id)+"/resolution", body)
	if err != nil {
		return err
	}
	var s message.Status
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("the daemon's answer can't be read: %w", err)
	}
	text := "done"
	if !s.Final {
		text = "taken; it waits until it may be carried out (tillpost show " + s.RequestID + ")"
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", id, text)
	return err
}
