package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/mqtt"
)

// sendFlags are the choices of "tillpost send".
type sendFlags struct {
	login          login
	json, noFollow bool
	timeout        time.Duration
}

func newSend() *cobra.Command {
	var f sendFlags
	c := &cobra.Command{
		Use:   "send TERMINAL KIND FILE",
		Short: "Publish one request as a till does, and follow it to its end",
		Long: `send publishes a request on the configured broker and prints each change of its status.
It exits with 0 if the request ended as it should: paid, refunded, submitted or done.

KIND is order, refund, approval, cancel, resend, check or resolution. FILE holds the
payload, "-" is standard input. A bare order is put into an envelope, and a missing
requestId is made up. The payload is checked before it is sent.`,
		Example: `  tillpost send TRML1000000001 order order.json
  echo '{"target":"4711"}' | tillpost send TRML1000000001 cancel -`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 3 {
				return usagef("send takes TERMINAL KIND FILE, but got %d arguments; %s --help shows examples", len(args), c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return send(c, f, args[0], args[1], args[2])
		},
	}
	f.login.register(c)
	c.Flags().BoolVar(&f.json, "json", false, "print the status messages as they are, one per line")
	c.Flags().BoolVar(&f.noFollow, "no-follow", false, "only publish; the broker's acknowledgement is no promise that the agent has it")
	c.Flags().DurationVar(&f.timeout, "timeout", 0, "stop following after this `TIME`; the request goes on (default until it ends)")
	return c
}

func send(c *cobra.Command, f sendFlags, terminal, kindName, file string) error {
	k, err := parseKind(kindName)
	switch {
	case err != nil:
		return err
	case !mqtt.ValidID(terminal):
		return usagef("%q is no terminal's uuid; it has 1 to 64 of the characters A-Z a-z 0-9 . _ : -", terminal)
	case f.timeout < 0:
		return usagef("--timeout %s is less than nothing; leave it out to follow to the end", f.timeout)
	}
	cfg, err := f.login.config(c)
	if err != nil {
		return err
	}
	data, err := readPayload(file, c.InOrStdin())
	if err != nil {
		return err
	}
	full := complete(k, data, uuid.NewString)
	topics := mqtt.Topics{Prefix: cfg.MQTT.TopicPrefix}
	request, err := decode(cfg, topics.Request(terminal, k), file, full.payload)
	if err != nil {
		return err
	}
	tellCompleted(c.ErrOrStderr(), full)
	ctx, stop := untilSignal(c.Context())
	defer stop()
	screen := &screen{out: c.OutOrStdout(), notes: c.ErrOrStderr(), local: time.Local, now: time.Now}
	return sendRequest(ctx, cfg, f, &follower{
		screen: screen, json: f.json, topics: topics, request: request, unreached: unreached(cfg.MQTT),
	})
}

func tellCompleted(w io.Writer, c completed) {
	if c.wrapped {
		_, _ = fmt.Fprintln(w, "the file holds an order alone: it is sent in an envelope")
	}
	if c.newID != "" {
		_, _ = fmt.Fprintf(w, "requestId %s was made up; to send the same again, put it into the payload\n", c.newID)
	}
}

var errTimeout = errors.New("the time to follow is over")

func sendRequest(ctx context.Context, cfg *config.Config, f sendFlags, follow *follower) error {
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, f.timeout, errTimeout)
		defer cancel()
	}
	conn, err := newConnection(cfg, follow.filters())
	if err != nil {
		return err
	}
	follow.publish = conn.bus.Publish
	handle := follow.handle
	if f.noFollow {
		handle = func(e event) (bool, error) { return follow.publishOnly(ctx, e) }
	}
	finished, err := conn.run(ctx, handle)
	switch {
	case finished || err != nil:
		return err
	case errors.Is(context.Cause(ctx), errTimeout):
		return follow.unfinished("after " + f.timeout.String())
	}
	return follow.unfinished("yet")
}

// publishOnly handles one event; it is done once the broker has the request.
func (f *follower) publishOnly(ctx context.Context, e event) (done bool, err error) {
	switch {
	case e.down != nil:
		return f.handleDown(e.down)
	case !e.up:
		return false, nil
	}
	f.wasUp, f.up = true, true
	done, err = delivered(ctx, f.publish(mqtt.Message{Topic: f.requestTopic(), Payload: f.request.Raw}))
	if done {
		f.screen.note("the broker has %s %s; follow it with tillpost watch", f.request.Kind, f.request.RequestID)
	}
	return done || err != nil, err
}

// delivered reports whether the broker has a message. A lost connection is no error: the next one publishes it again.
func delivered(ctx context.Context, t mqtt.Token) (bool, error) {
	err := t.Wait(ctx)
	ok := err == nil
	if errors.Is(err, mqtt.ErrConnectionLost) || errors.Is(err, mqtt.ErrNotConnected) || ctx.Err() != nil {
		err = nil
	}
	return ok, err
}
