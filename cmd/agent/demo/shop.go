package demo

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"tillpost/api/simulator"
)

// The terminals of the shop.
const (
	counter1 = "TRML1000000001"
	counter2 = "TRML1000000002"
)

var terminalNames = map[string]string{counter1: "Counter 1", counter2: "Counter 2"}

// shop is all that there is: the simulated Front Payment, the daemon and the till.
type shop struct {
	sim     *simulator.Simulator
	servers []*http.Server
	serving sync.WaitGroup
	api     string // host:port
	control string
	config  string

	daemon *daemon
	broker string
	till   *till
}

// openShop starts everything. Where it returns an error nothing is left running.
func openShop(ctx context.Context, program, dir string, p pace, out *narrator) (_ *shop, err error) {
	token := "demo-" + rand.Text()
	s := &shop{sim: simulator.New(simulator.Options{
		Token: token, Organization: organization, Callbacks: &http.Client{Timeout: 5 * time.Second},
		Terminals:      []simulator.Terminal{{UUID: counter1, Name: terminalNames[counter1]}, {UUID: counter2, Name: terminalNames[counter2]}},
		Customer:       simulator.Pay(p.customer),
		RefundCustomer: simulator.Pay(p.customer),
		Approver:       simulator.Grant(p.approver),
		DetailedErrors: true,
	})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	l, err := s.sim.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return s, fmt.Errorf("start the simulated Front Payment: %w", err)
	}
	s.serve(l, s.sim)
	s.api = l.Addr().String()
	var lc net.ListenConfig
	control, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return s, fmt.Errorf("start the simulator's control: %w", err)
	}
	s.serve(control, s.sim.Control())
	s.control = control.Addr().String()
	if err := s.startDaemon(ctx, program, dir, token); err != nil {
		return s, err
	}
	s.till, err = newTill(ctx, s.broker, out)
	return s, err
}

// startDaemon configures and starts the daemon, on other ports where another program has taken one.
func (s *shop) startDaemon(ctx context.Context, program, dir, token string) error {
	const tries = 3
	for i := 1; ; i++ {
		at, err := freeAddresses(ctx)
		if err != nil {
			return err
		}
		if s.config, err = configure(dir, s.api, token, at); err != nil {
			return err
		}
		d := &daemon{program: program, config: s.config, http: at.http}
		err = d.start(ctx)
		if err == nil {
			s.daemon, s.broker = d, at.mqtt
			return nil
		}
		if i == tries || !taken(err) {
			return err
		}
	}
}

func (s *shop) serve(l net.Listener, h http.Handler) {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	s.servers = append(s.servers, server)
	s.serving.Go(func() { _ = server.Serve(l) }) // it ends by being closed
}

// close ends everything, the till first.
func (s *shop) close() error {
	var errs []error
	if s.till != nil {
		errs = append(errs, s.till.close())
	}
	if s.daemon != nil {
		errs = append(errs, s.daemon.stop())
	}
	s.sim.Close()
	for _, server := range s.servers {
		errs = append(errs, server.Close())
	}
	s.serving.Wait()
	return errors.Join(errs...)
}
