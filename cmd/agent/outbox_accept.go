package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/clock"
	"tillpost/agent/config"
	"tillpost/agent/fence"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// acceptWord is what has to be typed.
const acceptWord = "accept"

func newOutboxAccept() *cobra.Command {
	var yes bool
	var by string
	c := &cobra.Command{
		Use:   "accept --by NAME",
		Short: "Let an outbox send again that stopped because it may not be the one that counts",
		Long: `A daemon whose outbox is an older copy, was restored from a snapshot, belongs to
another account, or is not alone, keeps requests but sends no order, refund or
approval until a person has looked. This prints what was found and what accepting it
means, asks for the word "` + acceptWord + `" (or takes --yes), and keeps who accepted it and when.

Stop the daemon first, and make sure that no other one runs on a copy.`,
		Args: func(c *cobra.Command, args []string) error {
			if err := noArgs(c, args); err != nil {
				return err
			}
			if strings.TrimSpace(by) == "" {
				return usagef("say who accepts with --by NAME; it is kept with the decision")
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			path, err := outboxPath(c)
			if err != nil {
				return err
			}
			cfg, err := outboxConfig(c)
			if err != nil {
				return err
			}
			return accept(c, path, cfg, strings.TrimSpace(by), yes)
		},
	}
	c.Flags().StringVar(&by, "by", "", "your `NAME`, which is kept with the decision")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask: what is printed is accepted")
	return c
}

func accept(c *cobra.Command, path string, cfg *config.Config, by string, yes bool) error {
	if err := ownsFile(path); err != nil {
		return err
	}
	list, waiting, err := pending(path, cfg)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		_, err := fmt.Fprintf(c.OutOrStdout(), "%s: there is nothing to accept\n", path)
		return err
	}
	for i, a := range list {
		if _, err := fmt.Fprintf(c.OutOrStdout(), "%d. %s: %s.\n   To accept it means %s.\n", i+1, a.Code, a.Message, a.Means); err != nil {
			return err
		}
	}
	if waiting.n > 0 {
		if _, err := fmt.Fprintf(c.OutOrStdout(), "What is queued is sent then: %s.\n", waiting); err != nil {
			return err
		}
	}
	if !yes {
		if err := confirm(c); err != nil {
			return err
		}
	}
	if err := acceptAll(c.Context(), path, cfg, list, by); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "accepted by %s; start tillpost again\n", by)
	return err
}

// queued is the orders, refunds and approvals that wait, and the names of the first of them.
type queued struct {
	n     int
	first []string
}

// queuedNamed is how many of them are named.
const queuedNamed = 10

func (q queued) String() string {
	names := strings.Join(q.first, ", ")
	if q.n > len(q.first) {
		return fmt.Sprintf("%s and %d more", names, q.n-len(q.first))
	}
	return names
}

func (q *queued) add(r outbox.Request) bool {
	if r.Kind.Laned() && r.State == outbox.StateQueued {
		if q.n++; q.n <= queuedNamed {
			q.first = append(q.first, r.ID)
		}
	}
	return true
}

// pending lists what there is to accept and what waits for that, without changing anything.
func pending(path string, cfg *config.Config) (list []fence.Acceptance, waiting queued, err error) {
	r, err := openOutbox(path)
	if err != nil {
		return nil, waiting, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f, err := r.Figures()
	if err != nil {
		return nil, waiting, err
	}
	if f.Outdated {
		return nil, waiting, fmt.Errorf("outbox %s: no daemon has opened this file yet since it was brought here; start tillpost once, so that what is open is put in doubt, stop it, and accept then", path)
	}
	if err := r.Each(waiting.add); err != nil {
		return nil, waiting, err
	}
	list, err = fence.ToAccept(r, cfg)
	return list, waiting, err
}

func confirm(c *cobra.Command) error {
	if _, err := fmt.Fprintf(c.OutOrStdout(), "Type %q to go on: ", acceptWord); err != nil {
		return err
	}
	line, _ := bufio.NewReader(c.InOrStdin()).ReadString('\n') // no answer is a no, whatever the reason
	if strings.TrimSpace(line) != acceptWord {
		return errors.New("nothing was accepted; type the word, or give --yes")
	}
	return nil
}

// acceptAll opens the outbox as a daemon does, and accepts what was shown, unless it is no longer that.
func acceptAll(ctx context.Context, path string, cfg *config.Config, shown []fence.Acceptance, by string) (err error) {
	s, err := bolt.Open(path, bolt.Options{Now: clock.NewSystem().Now})
	if err != nil {
		return outboxError(path, err)
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	now, err := fence.ToAccept(s, cfg)
	if err != nil {
		return err
	}
	if !slices.EqualFunc(now, shown, func(a, b fence.Acceptance) bool { return a.Code == b.Code && a.Message == b.Message }) {
		return fmt.Errorf("outbox %s: what there is to accept has changed meanwhile; look again", path)
	}
	return fence.Accept(ctx, s, cfg, shown, by, time.Now())
}
