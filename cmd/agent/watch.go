package main

import (
	"time"

	"github.com/spf13/cobra"

	"tillpost/mqtt"
)

func newWatch() *cobra.Command {
	var terminal string
	var raw bool
	var own login
	c := &cobra.Command{
		Use:   "watch",
		Short: "Show what happens, one line per change",
		Long: `watch prints each change of the agent, the terminals, the displays and the requests, and
each message that was refused, until SIGINT, SIGTERM or SIGHUP. It begins with how things
stand; requests that had ended before are left out, but not with --json.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := own.check(); err != nil {
				return err
			}
			cfg, err := loadConfig(c)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			w := &watcher{
				screen: &screen{out: c.OutOrStdout(), notes: c.ErrOrStderr(), local: time.Local, now: time.Now},
				topics: mqtt.Topics{Prefix: cfg.MQTT.TopicPrefix}, terminal: terminal, json: raw, broker: cfg.MQTT.NearURL(),
				names: map[string]string{}, seen: map[string]string{},
			}
			conn, err := newConnection(own.in(cfg), w.filters())
			if err != nil {
				return err
			}
			return conn.run(ctx, w.handle)
		},
	}
	own.register(c)
	c.Flags().StringVar(&terminal, "terminal", "", "show only this terminal, by its `UUID` or name, and the agent")
	c.Flags().BoolVar(&raw, "json", false, `print {"topic":…,"retained":…,"payload":…}, one per line`)
	return c
}
