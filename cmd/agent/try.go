package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"
	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/mqtt"
)

// tryFlags are the choices of "tillpost try".
type tryFlags struct {
	login   login
	amount  string
	timeout time.Duration
}

func newTry() *cobra.Command {
	var f tryFlags
	c := &cobra.Command{
		Use:   "try TERMINAL",
		Short: "Place a real order of 1.00, and take it off the terminal again",
		Long: `try is the last step of an installation: a real order, from this machine over the
broker to the terminal. As soon as the terminal shows it, it is taken off again. Should
somebody be quicker and pay it, the money is paid back.

It exits with 0 if the order came to the terminal and nothing of it is left. Its
customer is that of order_defaults.customerDetails.`,
		Example: `  sudo -u tillpost tillpost try TRML1216693970`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usagef("try takes one TERMINAL, but got %d arguments; tillpost check lists the terminals", len(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error { return try(c, f, args[0]) },
	}
	f.login.register(c)
	c.Flags().StringVar(&f.amount, "amount", "1.00", "the order's `AMOUNT`")
	c.Flags().DurationVar(&f.timeout, "timeout", 2*time.Minute, "give up after this `TIME`")
	return c
}

func try(c *cobra.Command, f tryFlags, terminal string) error {
	amount, err := decimal.Parse(f.amount)
	switch {
	case !mqtt.ValidID(terminal):
		return usagef("%q is no terminal's uuid; tillpost check lists them", terminal)
	case err != nil || !amount.IsPos() || amount.Trim(0).Scale() > 2:
		return usagef("--amount %s is no amount; write one such as 1.00", f.amount)
	case f.timeout <= 0:
		return usagef("--timeout %s leaves no time to try; give it a minute", f.timeout)
	}
	cfg, err := f.login.config(c)
	if err != nil {
		return err
	}
	if cfg.OrderDefaults.CustomerDetails == nil {
		return errors.New("the configuration names no walk-in customer, and every order needs one: set order_defaults.customerDetails, and try again")
	}
	ctx, stop := untilSignal(c.Context())
	defer stop()
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, errTimeout)
	defer cancel()
	own := &screen{out: c.OutOrStdout(), notes: c.ErrOrStderr(), local: time.Local, now: time.Now}
	t := &trial{cfg: cfg, terminal: terminal, order: uuid.NewString(), screen: own, topics: mqtt.Topics{Prefix: cfg.MQTT.TopicPrefix}}
	if err := t.prepare(amount.Rescale(2)); err != nil {
		return err
	}
	conn, err := newConnection(cfg, []string{t.topics.Agent(), t.topics.Rejects(), t.topics.Status(terminal, "+")})
	if err != nil {
		return err
	}
	t.publish = conn.bus.Publish
	done, err := conn.run(ctx, t.handle)
	if err == nil && !done {
		return t.unfinished(ctx)
	}
	return err
}

// tryOrder returns the order that a trial places; what it lacks comes from order_defaults.
func tryOrder(cfg *config.Config, id string, amount decimal.Decimal) ([]byte, error) {
	text := amount.String()
	order := map[string]any{
		"products": []any{map[string]any{
			"name": "tillpost try", "productId": "TRY", "quantity": "1", "rate": json.Number(text), "discount": 0, "tax": "0", "amount": json.Number(text),
		}},
		"orderSummary": map[string]any{"subTotal": text, "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": text},
		"receiptPrint": false,
	}
	if cfg.OrderDefaults.SendOrderBy == nil {
		order["sendOrderBy"] = map[string]any{"sms": false, "email": true}
	}
	return json.Marshal(map[string]any{"requestId": id, "order": order})
}

// unfinished returns the error when there is no more time.
func (t *trial) unfinished(ctx context.Context) error {
	why := "interrupted"
	if errors.Is(context.Cause(ctx), errTimeout) {
		why = "no end in time"
	}
	if t.state == "" {
		return fmt.Errorf("%s: tillpost has not answered; does it run, and may this login write orders and read statuses?", why)
	}
	return fmt.Errorf("%s: the order %s is %s, and goes on; look at the terminal, and see it with tillpost show %s", why, t.order, t.state, t.order)
}
