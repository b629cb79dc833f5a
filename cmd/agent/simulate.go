package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"tillpost/api/simulator"
	"tillpost/internal/hostport"
	"tillpost/mqtt"
)

// simulateStop bounds how long calls under way may take once the simulator is to stop.
const simulateStop = 2 * time.Second

const controlOff = "off"

func newSimulate() *cobra.Command {
	f := &simulateFlags{}
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run a simulated Front Payment API, for trying and testing",
		Long: `simulate is a Front Payment API with terminals and customers of its own. It prints a
configuration with which "tillpost run" uses it, and logs each call on stderr.

The control endpoint makes things go wrong, and shows the orders that came to exist;
see docs/cli.md. Nothing is kept when it ends.`,
		Example: `  tillpost simulate > sim.toml
  tillpost simulate --customer decline:1s --terminal TRML1=Kiosk`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return simulate(ctx, f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f.register(c)
	return c
}

// simulate serves the API until ctx ends.
func simulate(ctx context.Context, f *simulateFlags, out, log io.Writer) error {
	sim := simulator.New(f.options)
	defer sim.Close()
	api, err := sim.Listen(ctx, f.listen)
	if err != nil {
		return fmt.Errorf("listen for API calls: %w; choose another address with --listen", err)
	}
	servers := []served{{api, newServer(&callLog{sim: sim, out: log})}}
	var control net.Addr
	if f.control != controlOff {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", f.controlAddress(api.Addr()))
		if err != nil {
			return errors.Join(fmt.Errorf("listen for control calls: %w; choose another address with --control", err), api.Close())
		}
		control = l.Addr()
		servers = append(servers, served{l, newServer(sim.Control())})
	}
	if _, err := io.WriteString(out, f.snippet(api.Addr(), control)); err != nil {
		for _, s := range servers {
			err = errors.Join(err, s.listener.Close())
		}
		return err
	}
	return serve(ctx, servers)
}

// served is a server with what it listens on; it closes the listener.
type served struct {
	listener net.Listener
	server   *http.Server
}

func newServer(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
}

// serve runs servers until ctx ends or one of them fails, and then ends all of them in order.
func serve(ctx context.Context, servers []served) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for _, s := range servers {
		running.Go(func() {
			if err := s.server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
				cancel(fmt.Errorf("serve on %s: %w", s.listener.Addr(), err))
			}
		})
	}
	<-ctx.Done()
	ending, done := context.WithTimeout(context.WithoutCancel(ctx), simulateStop)
	defer done()
	for _, s := range servers {
		if s.server.Shutdown(ending) != nil {
			_ = s.server.Close() // what did not end in time is cut off
		}
	}
	running.Wait()
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// simulateFlags are the choices of "tillpost simulate".
type simulateFlags struct {
	listen, control, token, organization string
	terminals                            []string
	customer                             string
	rateLimit                            int
	lookups                              string
	callbacks                            bool
	clockAhead                           time.Duration

	options simulator.Options // what check made of them
}

func (f *simulateFlags) register(c *cobra.Command) {
	s := c.Flags()
	s.StringVar(&f.listen, "listen", "127.0.0.1:9730", "`ADDRESS` of the API; port 0 takes a free one")
	s.StringVar(&f.control, "control", "", "loopback `ADDRESS` of the control endpoint, or \"off\" (default the API's next port)")
	s.StringVar(&f.token, "token", "demo-token", "token that calls must carry; \"\" takes any")
	s.StringVar(&f.organization, "organization", "ORG1000000001", "`UUID` of the organisation")
	s.StringArrayVar(&f.terminals, "terminal", []string{"TRML1000000001=Counter 1", "TRML1000000002=Counter 2"}, "a terminal, as `UUID=NAME`; may be given several times")
	s.StringVar(&f.customer, "customer", "pay:2s", "what customers do: `pay:TIME, decline:TIME or walkaway`")
	s.IntVar(&f.rateLimit, "rate-limit", 240, "calls a minute, 0 for no limit")
	s.StringVar(&f.lookups, "lookups", "shown", "whether orders can be looked up: shown, forbidden or hidden")
	s.DurationVar(&f.clockAhead, "clock-ahead", 0, "how far the API's clock is ahead of this machine's, as a `TIME`; with a minus, behind")
	s.BoolVar(&f.callbacks, "callbacks", false, "call the callbackUrl of orders, on loopback hosts")
}

// check reads the flags that have a form, and makes the options of all.
func (f *simulateFlags) check() error {
	if f.organization == "" {
		return usagef("--organization is empty; write any uuid, such as ORG1000000001")
	}
	if f.rateLimit < 0 {
		return usagef("--rate-limit %d is less than nothing; write 0 for no limit", f.rateLimit)
	}
	if f.control != "" && f.control != controlOff && hostport.BeyondLoopback(f.control) {
		return usagef("--control %s is not a loopback address; it has no authentication: write 127.0.0.1:PORT or off", f.control)
	}
	f.options = simulator.Options{Token: f.token, Organization: f.organization, RateLimit: f.rateLimit, DetailedErrors: true}
	for _, text := range f.terminals {
		t, err := parseTerminal(text)
		if err != nil {
			return err
		}
		f.options.Terminals = append(f.options.Terminals, t)
	}
	customer, err := parseCustomer(f.customer)
	if err != nil {
		return err
	}
	f.options.Customer, f.options.RefundCustomer = customer, customer
	lookups, ok := map[string]simulator.Lookups{
		"shown": simulator.LookupsShown, "forbidden": simulator.LookupsForbidden, "hidden": simulator.LookupsHidden,
	}[f.lookups]
	if !ok {
		return usagef("--lookups %q is none of shown, forbidden and hidden", f.lookups)
	}
	f.options.Lookups = lookups
	if f.clockAhead != 0 {
		f.options.Clock = func() time.Time { return time.Now().Add(f.clockAhead) }
	}
	if f.callbacks {
		f.options.Callbacks = &http.Client{Timeout: 10 * time.Second}
	}
	return nil
}

func parseTerminal(text string) (simulator.Terminal, error) {
	uuid, name, ok := strings.Cut(text, "=")
	if !ok || !mqtt.ValidID(uuid) || name == "" || strings.ContainsFunc(name, unicode.IsControl) {
		return simulator.Terminal{}, usagef("--terminal %q is not UUID=NAME, such as TRML1000000001=Kiosk", text)
	}
	return simulator.Terminal{UUID: uuid, Name: name}, nil
}

func parseCustomer(text string) (simulator.Customer, error) {
	deed, after, timed := strings.Cut(text, ":")
	if deed == "walkaway" && !timed {
		return simulator.WalkAway(), nil
	}
	d, err := time.ParseDuration(after)
	switch {
	case err == nil && d >= 0 && deed == "pay":
		return simulator.Pay(d), nil
	case err == nil && d >= 0 && deed == "decline":
		return simulator.Decline(d), nil
	}
	return simulator.Customer{}, usagef("--customer %q is none of pay:TIME, decline:TIME and walkaway; a time is written 2s", text)
}

// controlAddress returns where to listen for control calls: at the API's next port, where that has one that was not chosen
// by the system.
func (f *simulateFlags) controlAddress(api net.Addr) string {
	if f.control != "" {
		return f.control
	}
	port := "0"
	_, listen, err := net.SplitHostPort(f.listen)
	chosen := err == nil && listen == "0" // by the system
	if tcp, ok := api.(*net.TCPAddr); ok && !chosen && tcp.Port < 65535 {
		port = strconv.Itoa(tcp.Port + 1)
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// near returns the address at which a client on this machine reaches a listener.
func near(listener net.Addr) string {
	address, _ := hostport.Near(listener.String()) // a listener's address is one
	return address
}

// snippet returns a whole configuration; what does not fit into one is in its comments. control may be nil.
func (f *simulateFlags) snippet(api, control net.Addr) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# A simulated Front Payment API. This is a whole configuration for tillpost run --config FILE.")
	line("# Token, for the environment: export TILLPOST_API_TOKEN='%s'", cmp.Or(f.token, "any"))
	line("# Terminals:")
	for _, t := range f.options.Terminals {
		line("#   %s  %s", t.UUID, t.Name)
	}
	if control != nil {
		line("# Lose the reply to the next order:")
		line(`#   curl http://%s/faults -d '{"operation":"create","times":1,"kind":"drop_after"}'`, near(control))
	}
	line("\n[api]\nbase_url = \"http://%s/api/v1\"\norganization_uuid = %q", near(api), f.organization)
	line("\n[mqtt]\nurl = \"tcp://127.0.0.1:1883\"")
	line("\n[outbox]\npath = \"simulated.db\"")
	return b.String()
}
