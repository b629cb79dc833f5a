package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"tillpost/agent/config"
	"tillpost/mqtt"
	"tillpost/mqtt/client"
)

// connection is a client of the configured broker beside the agent. What happens is sent on events, in order.
type connection struct {
	bus    *client.Subscriber
	events chan event
}

// event is one thing that happened; exactly one field is set.
type event struct {
	up      bool
	down    error
	message *mqtt.Delivery
	tick    time.Time
}

// login replaces the configured one, which is the agent's: a broker's access list may allow that no more than the
// agent needs.
type login struct{ username, passwordFile string }

func (l *login) register(c *cobra.Command) {
	c.Flags().StringVar(&l.username, "username", "", "`NAME` to log in with at the broker (default mqtt.username)")
	c.Flags().StringVar(&l.passwordFile, "password-file", "", "`FILE` with that user's password")
}

// config returns the configuration that the command line names, with this login, if it is one.
func (l *login) config(c *cobra.Command) (*config.Config, error) {
	if l.passwordFile != "" && l.username == "" {
		return nil, usagef("--password-file is given without --username; MQTT has no password without a user name")
	}
	cfg, err := loadConfig(c)
	if err != nil {
		return nil, err
	}
	return l.in(cfg), nil
}

// in returns the configuration with this login, if it is one.
func (l *login) in(cfg *config.Config) *config.Config {
	if l.username == "" {
		return cfg
	}
	own := *cfg
	own.MQTT.Username, own.MQTT.PasswordFile = l.username, l.passwordFile
	return &own
}

// unreached returns what to check where the broker does not let us in.
func unreached(m config.MQTT) string {
	switch {
	case m.Embedded == nil:
		return "is the broker running, and are mqtt.url and its login right?"
	case m.Embedded.UsersFile != "":
		return "is tillpost running, which is the broker? log in as one of the users of " + m.Embedded.UsersFile + ", with --username and --password-file"
	}
	return "the broker is inside tillpost: start it with tillpost run"
}

// newConnection returns a client that subscribes to filters. It has a client id of its own: the agent's would throw the
// agent out.
func newConnection(cfg *config.Config, filters []string) (*connection, error) {
	m := cfg.MQTT
	if read := cfg.PasswordReader(); read != nil { // waiting does not mend this
		if _, err := read(); err != nil {
			return nil, fmt.Errorf("reading the broker's password: %w; name the right file, one that only you can read, with --password-file", err)
		}
	}
	peerCert := ""
	if m.Embedded != nil { // its certificate need not be made out to the address at which it is reached from here
		peerCert = m.Embedded.CertFile
	}
	c := &connection{events: make(chan event)}
	bus, err := client.NewSubscriber(client.Options{
		URL: m.NearURL(), ClientID: "tillpost-" + rand.Text()[:12], Topics: mqtt.Topics{Prefix: m.TopicPrefix},
		Username: m.Username, Password: cfg.PasswordReader(), CAFile: m.CAFile, CertFile: m.CertFile, KeyFile: m.KeyFile,
		PeerCertFile: peerCert,
	}, filters, mqtt.Handlers{Up: c.up, Down: c.down, Deliver: c.deliver})
	if err != nil {
		return nil, err
	}
	c.bus = bus
	return c, nil
}

func (c *connection) up()                     { c.events <- event{up: true} }
func (c *connection) deliver(d mqtt.Delivery) { c.events <- event{message: &d} }

func (c *connection) down(err error) {
	if err != nil {
		c.events <- event{down: err}
	}
}

// run connects, and calls handle with events, one at a time and a tick every second among them, until handle reports that it
// is done or ctx ends. It returns what handle returned, else nothing.
func (c *connection) run(ctx context.Context, handle func(event) (done bool, err error)) (done bool, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- c.bus.Run(ctx) }()
	tick := time.Tick(time.Second)
	for {
		var e event
		select {
		case e = <-c.events:
		case e.tick = <-tick:
		case err := <-ended:
			return false, err
		}
		if done, err := handle(e); done {
			cancel()
			return true, errors.Join(err, c.drain(ended))
		}
	}
}

// drain lets the client end, and returns what it ended with.
func (c *connection) drain(ended <-chan error) error {
	for {
		select {
		case <-c.events:
		case err := <-ended:
			return err
		}
	}
}
