package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"tillpost/api/simulator"
)

// simulateStop bounds how long calls under way may take once the simulator is to stop.
const simulateStop = 2 * time.Second

func newSimulate() *cobra.Command {
	f := newSimulateFlags()
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
	sim := simulator.New(f.options())
	defer sim.Close()
	api, err := sim.Listen(ctx, f.listen)
	if err != nil {
		return fmt.Errorf("listen for API calls: %w; choose another address with --listen", err)
	}
	servers := []served{{api, newServer(newCallLog(sim, log))}}
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

// nextPort returns the port after an address's, "0" where that was chosen by the system or is the last.
func nextPort(addr net.Addr, chosen bool) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok || chosen || tcp.Port == 65535 {
		return "0"
	}
	return strconv.Itoa(tcp.Port + 1)
}
