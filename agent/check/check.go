// Package check checks everything that a running tillpost depends on, and says in plain words what is well and what to do
// about the rest: the configuration, its secrets, the disk, the outbox, the clock, the ports, the broker and the API.
//
// It is harmless beside a running agent: it creates no order, makes only reading calls, connects to the broker under a
// client id of its own, and lets no message stay there.
package check

import (
	"cmp"
	"context"
	"errors"
	"os"
	"time"

	"tillpost/agent/config"
)

// Options say what to check.
type Options struct {
	// File is the configuration's path. Required.
	File string
	// Version goes into the API calls' User-Agent.
	Version string
	// Synchronized reports whether the operating system keeps its clock right; nil if that is not known.
	Synchronized func() bool
	// Timeout bounds the whole check; 0 means 30 s.
	Timeout time.Duration
}

const (
	// connectTimeout bounds reaching something over the network, answerTimeout one answer of it.
	connectTimeout = 6 * time.Second
	answerTimeout  = 10 * time.Second
)

// checker is one check of one configuration.
type checker struct {
	cfg     *config.Config
	opts    Options
	machine machine
}

// machine is what the probes learn from the operating system; tests have machines of their own.
type machine struct {
	now  func() time.Time
	disk func(folder string) (diskFacts, error)
	// sync writes a block to a file in the folder and returns how long it took to be on disk.
	sync func(ctx context.Context, folder string) ([]time.Duration, error)
	// mosquitto is the configuration of a mosquitto on this machine.
	mosquitto string
	// returnTimeout is how long our own message may take to come back from the broker.
	returnTimeout time.Duration
	// service is the user that the service runs as, if this machine has one of that name.
	service func() (account, bool)
}

func thisMachine() machine {
	return machine{
		now: time.Now, disk: diskOf, sync: syncSpeed, mosquitto: "/etc/mosquitto/mosquitto.conf", returnTimeout: 4 * time.Second, service: serviceAccount,
	}
}

// Run checks everything, and calls report with each finding as soon as those before it are reported, on this goroutine.
// It ends within the timeout, and returns whether nothing failed. If the configuration can't be used, that is all that is
// reported: nothing else can be checked.
func Run(ctx context.Context, o Options, report func(Finding)) bool {
	if o.Timeout <= 0 {
		o.Timeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	c := &checker{opts: o, machine: thisMachine()}
	good := true
	reportAll := func(list []Finding) {
		for _, f := range list {
			good = good && f.Level != LevelFail
			report(f)
		}
	}
	reportAll(c.config())
	if c.cfg != nil {
		c.all(ctx, reportAll)
	}
	return good
}

// config reads the configuration; c.cfg stays nil if it can't be used.
func (c *checker) config() []Finding {
	fs := about("config")
	cfg, err := config.Load(c.opts.File)
	if faults, ok := errors.AsType[*config.Error](err); ok {
		for _, f := range faults.Faults {
			fix := cmp.Or(f.Want, "correct the line")
			f.Want = ""
			fs.fail(fix, "%v", &config.Error{File: faults.File, Faults: []config.Fault{f}})
		}
		return fs.done()
	}
	switch {
	case errors.Is(err, os.ErrNotExist):
		fs.fail("name it with --config", "there is no file %s", c.opts.File)
		return fs.done()
	case err != nil:
		fs.fail("make it readable to who runs this", "%v", err)
		return fs.done()
	}
	c.cfg = cfg
	fs.ok("%s", cfg.File)
	return fs.done()
}

// all runs the probes at the same time, and reports their findings in the order in which they build on each other.
func (c *checker) all(ctx context.Context, report func([]Finding)) {
	secrets := start("secrets", func() []Finding { return c.secrets() })
	disk := start("disk", func() []Finding { return c.disk(ctx) })
	box := start("outbox", func() outboxFacts { return c.outbox(ctx) })
	daemon := start("ports", func() daemonFacts { return c.daemon(ctx) })
	calls := start("API", func() apiFacts { return c.api(ctx) })
	clock := start("clock", func() []Finding { facts, _ := calls.wait(ctx); return c.clock(facts) })
	ports := start("ports", func() []Finding {
		held, _ := box.wait(ctx)
		running, _ := daemon.wait(ctx)
		return c.ports(ctx, held.locked, running)
	})
	broker := start("broker", func() brokerFacts { return c.broker(ctx) })

	report(result(ctx, secrets))
	report(result(ctx, disk))
	held, late := box.wait(ctx)
	report(append(held.findings, late...))
	report(result(ctx, clock))
	report(result(ctx, ports))
	said, late := broker.wait(ctx)
	report(append(said.findings, late...))
	running, _ := daemon.wait(ctx)
	report(c.agent(held, running, said.agent))
	answers, late := calls.wait(ctx)
	report(append(answers.findings, late...))
}

// probe is a check of one subject, running in a goroutine of its own.
type probe[T any] struct {
	subject string
	done    chan struct{}
	value   T
}

func start[T any](subject string, look func() T) *probe[T] {
	p := &probe[T]{subject: subject, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		p.value = look()
	}()
	return p
}

// grace is how long a probe whose time is over may take to report that itself, in better words than ours.
const grace = 500 * time.Millisecond

// wait returns what the probe found, or says that it did not end in time, which the operating system can cause: calls to
// a file system that hangs hang too.
func (p *probe[T]) wait(ctx context.Context) (found T, late []Finding) {
	select {
	case <-p.done:
		return p.value, nil
	case <-ctx.Done():
	}
	select {
	case <-p.done:
		return p.value, nil
	case <-time.After(grace):
		fs := about(p.subject)
		fs.fail("look for what hangs on this machine: a disk, a network folder, a name server", "it could not be looked into in time")
		return found, fs.done()
	}
}

func result(ctx context.Context, p *probe[[]Finding]) []Finding {
	list, late := p.wait(ctx)
	return append(list, late...)
}
