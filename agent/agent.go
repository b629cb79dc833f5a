package agent

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent/clock"
	"tillpost/agent/config"
	"tillpost/agent/fence"
	"tillpost/agent/gateway"
	"tillpost/agent/health"
	"tillpost/agent/intake"
	"tillpost/agent/lane"
	"tillpost/agent/lookups"
	"tillpost/agent/publish"
	"tillpost/agent/reconcile"
	"tillpost/agent/terminals"
	"tillpost/api"
	"tillpost/monitor"
	"tillpost/mqtt"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
)

// Options are what an Agent is made of. Config is required; everything else has a default that serves a shop.
type Options struct {
	Config  *config.Config
	Version string
	Commit  string
	Date    string // of the commit, in RFC 3339
	Logger  *slog.Logger

	// Clock tells the time; nil is the machine's.
	Clock clock.Clock
	// Rand returns the jitter of every pause, in [0,1), to any goroutine; nil is math/rand/v2.
	Rand func() float64
	// DialAPI replaces the network under the API client.
	DialAPI func(ctx context.Context, network, addr string) (net.Conn, error)
	// ListenCallbacks replaces the network under the callback listener.
	ListenCallbacks func(ctx context.Context, network, addr string) (net.Listener, error)
	// Bus replaces the connection to the broker. will returns the last will's payload.
	Bus func(topics mqtt.Topics, will func() []byte, handlers mqtt.Handlers) (mqtt.Bus, error)
	// NoHTTP leaves out metrics, health, the JSON API and the pages.
	NoHTTP bool
	// Store replaces the outbox file; the agent closes it. It calls o.Committed and o.Answered as a bolt.Store does.
	Store func(o bolt.Options) (outbox.Store, error)
	// Started is called once by Run, when the lanes run; it may be nil.
	Started func()
}

// Agent is the running thing. New opens what must be there, Run does the work, once.
type Agent struct {
	cfg       *config.Config
	opts      Options
	log       *slog.Logger
	clock     clock.Clock
	store     outbox.Store
	api       *api.Client
	bus       mqtt.Bus
	web       *monitor.Server // nil while there is no HTTP side
	callbacks *callbacks      // nil while callbacks are off
	metrics   *monitor.Metrics
	topics    mqtt.Topics
	since     time.Time

	problems    *health.Problems
	gate        *health.Gate
	health      *health.Health
	directory   *terminals.Directory
	pauses      *terminals.Pauses
	fence       *fence.Fence
	reconciler  *reconcile.Reconciler
	gateway     *gateway.Gateway
	publish     *publish.Publisher
	lanes       *lane.Lanes
	intake      *intake.Intake
	board       *board
	connections *connections
	charts      keptCharts
	gained      sync.Mutex // held while what the API's list gained is read and kept
	progress    progress

	opened          []func() error
	connectedBefore atomic.Bool // connected before, so the next time is a reconnect
	clockKnown      atomic.Bool // when it was last looked at
	running         atomic.Bool
	stopping        atomic.Bool
}

func (o Options) withDefaults() Options {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	if o.Clock == nil {
		o.Clock = clock.NewSystem()
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	return o
}

// New builds an agent and opens its outbox and its HTTP address; nothing is sent or taken before Run. If Run is not to
// be called, Close is.
func New(o Options) (_ *Agent, err error) {
	o = o.withDefaults()
	cfg := o.Config
	if err := checkSecrets(cfg); err != nil {
		return nil, err
	}
	a := &Agent{
		cfg: cfg, opts: o, log: o.Logger, clock: o.Clock, topics: mqtt.Topics{Prefix: cfg.MQTT.TopicPrefix},
		since: startTime(o.Clock.Now()), problems: health.NewProblems(), gate: &health.Gate{}, board: newBoard(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	a.metrics = monitor.NewMetrics(monitor.BuildInfo{Version: o.Version, Commit: o.Commit, Date: o.Date, GoVersion: runtime.Version()}, metricLabels(), a.metricSources())
	a.connections = newConnections(func() time.Time { return o.Clock.Now().Time() }, a.board.Touch)
	answering := &clock.Answering{}
	a.health = health.New(health.Options{
		Answering: answering, Problems: a.problems, Gate: a.gate, Up: a.metrics.APIUp, Log: o.Logger, Rand: o.Rand,
		Token: func() error { _, err := cfg.Token(); return err },
	})
	if a.store, err = a.openStore(); err != nil {
		return nil, err
	}
	a.opened = append(a.opened, a.store.Close)
	a.directory = terminals.NewDirectory(cfg.Terminals, a.store, o.Logger)
	if a.pauses, err = terminals.NewPauses(a.store); err != nil {
		return nil, err
	}
	a.fence = fence.New(fence.Options{
		Store: a.store, Clock: o.Clock, Problems: a.problems, Gate: a.gate, Topics: a.topics, Log: o.Logger, Account: fence.AccountOf(cfg),
		Since: a.since, Path: cfg.Outbox.Path, ExternalBroker: cfg.MQTT.URL != "", ListsTerminals: cfg.API.OrganizationUUID != "",
	})
	if a.api, err = a.openAPI(); err != nil {
		return nil, err
	}
	a.opened = append(a.opened, func() error { a.api.Close(); return nil })
	rights := lookups.NewRights(a.store, a.api.TokenID, o.Logger)
	lags := lookups.NewLags(a.store, rights, cfg.Policy.DoubtCheck, o.Logger)
	a.reconciler = reconcile.New(reconcile.Options{
		API: a.api, Store: a.store, Problems: a.problems, Rights: rights, Lags: lags, Health: a.health, Clock: o.Clock, Log: o.Logger,
		Rand: o.Rand, Path: cfg.Outbox.Path + ".baseline",
	})
	a.publish = publish.New(publish.Options{
		Topics: a.topics, Store: a.store, Clock: o.Clock, Pages: a.board, Log: o.Logger, Retention: cfg.MQTT.StatusRetention,
		Embedded: o.Bus == nil && cfg.MQTT.Embedded != nil,
	})
	a.gateway = a.newGateway(rights)
	a.opened = append(a.opened, func() error { a.gateway.Close(); return nil })
	a.lanes = lane.New(lane.Options{
		Store: a.store, Clock: o.Clock, Rand: o.Rand, Gateway: a.gateway, Publish: a.publish, Gate: a.gate,
		Directory: a.directory, Pauses: a.pauses, Reconciler: a.reconciler, Answering: answering, Health: a.health,
		Problems: a.problems, Lags: lags, Stranger: a.fence.UnknownOrder, DoubtCheck: cfg.Policy.DoubtCheck,
		PerMinute: cfg.API.RequestsPerMinute, Metrics: a.metrics, Log: o.Logger,
	})
	a.intake = intake.New(intake.Options{
		Config: cfg, Topics: a.topics, Store: a.store, Clock: o.Clock, Directory: a.directory, Publish: a.publish, Lanes: a.lanes,
		Metrics: a.metrics, Problems: a.problems, Log: o.Logger, InOrder: o.Bus != nil || cfg.MQTT.Embedded == nil,
		Older: a.fence.Older, AcceptedUntil: a.fence.AcceptedUntil(),
	})
	a.opened = append(a.opened, func() error { a.lanes.Stop(); return nil })
	if a.bus, err = a.openBus(); err != nil {
		return nil, err
	}
	if a.callbacks, err = a.openCallbacks(); err != nil {
		return nil, err
	}
	if a.web, err = a.openWeb(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Agent) openStore() (outbox.Store, error) {
	o := bolt.Options{Policy: policyOf(a.cfg.Policy), Now: a.clock.Now, Committed: a.committed, Answered: a.answered, OnCommit: a.metrics.OutboxCommit}
	if a.opts.Store != nil {
		return a.opts.Store(o)
	}
	store, err := bolt.Open(a.cfg.Outbox.Path, o)
	if err != nil {
		return nil, err // not a nil store in an interface
	}
	return store, nil
}

// policyOf is the operator's policy in the state machine's terms.
func policyOf(p config.Policy) outbox.Policy {
	means := outbox.BusyNotCreated
	if p.BusyMeans == config.BusyDoubt {
		means = outbox.BusyDoubt
	}
	return outbox.Policy{
		CustomerTimeout: p.CustomerTimeout, ResendAfter: p.ResendAfter, BusyMeans: means,
		DoubtCheck: p.DoubtCheck, DoubtHold: p.DoubtHold, PollInterval: p.PollInterval,
		BusyBackoffMin: p.BusyBackoffMin, BusyBackoffMax: p.BusyBackoffMax,
	}
}

func (a *Agent) newGateway(rights *lookups.Rights) *gateway.Gateway {
	o := gateway.Options{
		API: a.api, Store: a.store, Rights: rights, Health: a.health, Clock: a.clock, Rand: a.opts.Rand, Seen: a.reconciler.NoteSeen,
		Location: a.cfg.Store.Location, CustomerDetails: a.cfg.OrderDefaults.CustomerDetails, SendOrderBy: a.cfg.OrderDefaults.SendOrderBy,
	}
	if a.cfg.Callback != nil {
		o.CallbackURL = a.cfg.Callback.PublicURL
	}
	return gateway.New(o)
}

func (a *Agent) openAPI() (*api.Client, error) {
	var roots *x509.CertPool
	if file := a.cfg.API.CAFile; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("api.ca_file: %w; correct the key, or take it out", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("api.ca_file: %s holds no certificate in PEM form; name the file of the authority that signed the API's", file)
		}
	}
	return api.New(api.Options{
		BaseURL: a.cfg.API.BaseURL, OrganizationUUID: a.cfg.API.OrganizationUUID, Token: a.cfg.Token,
		Timeout: a.cfg.API.Timeout, RootCAs: roots, RequestsPerMinute: a.cfg.API.RequestsPerMinute,
		UserAgent: "tillpost/" + a.opts.Version, DialContext: a.opts.DialAPI, Observe: a.observe, Rand: a.opts.Rand,
	})
}

// committed is called with every durable change, in the order of the commits. None is made before the parts that take it.
func (a *Agent) committed(changes []outbox.Change) {
	for _, c := range changes {
		r := c.Request
		a.count(r, c.Previous) // first: who has seen an end published finds it in the metrics
		a.publish.Changed(r, publish.Position{Number: c.Position, Behind: c.Behind})
		a.fence.Committed(c)
		a.lanes.Committed(c)
	}
}

// answered logs what was committed. A log that nobody reads at once keeps no order waiting for its submission.
func (a *Agent) answered(changes []outbox.Change) {
	for _, c := range changes {
		r := c.Request
		a.log.Info("request", "request", r.ID, "kind", r.Kind.String(), "terminal", r.Terminal, "state", r.State.String(),
			"revision", r.Revision, "order", r.OrderUUID, "reason", reasonCode(r))
	}
}

func reasonCode(r outbox.Request) string {
	switch {
	case r.Reason != nil:
		return r.Reason.Code
	case r.Waiting != nil:
		return r.Waiting.Code
	}
	return ""
}

// Close closes what New opened, the last first, for a caller that does not Run.
func (a *Agent) Close() error {
	var err error
	for _, f := range slices.Backward(a.opened) {
		err = errors.Join(err, f())
	}
	a.opened = nil
	return err
}

// stopGrace bounds how long the last messages to the broker may take, busGrace how long acknowledgements between it and us
// may. With those of the lanes they add up to less than five seconds.
const (
	stopGrace = time.Second
	busGrace  = 900 * time.Millisecond
)

// Run works until ctx ends, and then stops in order within five seconds: nothing new is taken or started, calls under
// way may end, their outcomes are written and published, "offline" is published, the outbox closes. It returns nil after
// an ordered stop. It is called once.
func (a *Agent) Run(ctx context.Context) error {
	taking, stopTaking := context.WithCancel(context.Background())
	publishing, stopPublishing := context.WithCancel(context.Background())
	defer stopTaking()
	defer stopPublishing()
	a.problems.Watch(a.problemsChanged)
	a.fence.Begin(a.lanes.Working(), fence.Reports{Doubted: a.lanes.TakeUpDoubts, Settled: a.publish.RaiseSettledThrough, Connected: a.bus.Connected})
	var work, published sync.WaitGroup
	failed := make(chan error, 2)
	published.Go(func() {
		a.publish.Run(publishing, a.bus, publish.Source{Agent: a.agentState, Terminals: a.terminalInfos, Displays: a.lanes.Displays})
	})
	published.Go(func() {
		if err := a.bus.Run(publishing); err != nil {
			failed <- fmt.Errorf("broker: %w", err)
		}
	})
	if a.web != nil {
		work.Go(func() {
			if err := a.web.Run(taking); err != nil {
				failed <- fmt.Errorf("http: %w", err)
			}
		})
	}
	if a.callbacks != nil {
		work.Go(func() { a.callbacks.run(taking) })
	}
	for _, part := range []func(context.Context){
		a.followTerminals, a.prune, a.publish.ClearStatuses, a.followMachine, a.lanes.Run, a.snapshots,
	} {
		work.Go(func() { part(taking) })
	}
	recaller, _ := a.bus.(mqtt.Recaller)
	work.Go(func() { a.intake.Run(taking, recaller) })
	work.Go(func() { a.health.Run(taking, a.refreshTerminals, a.api.Unanswered) })
	work.Go(func() {
		a.reconciler.Run(taking, reconcile.Reports{Orphan: a.lanes.Stray, Gained: a.noteGained, Surveyed: a.fence.Surveyed})
	})
	work.Go(func() { a.board.run(taking, a.agentView, a.Terminals) })
	a.running.Store(true)
	a.started()
	a.log.Info("tillpost runs", "version", a.opts.Version)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	a.running.Store(false)
	stopTaking()
	a.lanes.Stop()
	work.Wait()
	a.publishOffline()
	stopPublishing()
	published.Wait()
	a.gateway.Close()
	a.api.Close()
	a.log.Info("tillpost stopped")
	return errors.Join(err, a.store.Close())
}

// publishOffline publishes what is still queued, and "offline" as the last message.
func (a *Agent) publishOffline() {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	a.stopping.Store(true) // from now on agentState returns offline
	a.publish.Last(ctx, a.topics.Agent(), a.agentState())
}

// startTime is when this process started, up to ten seconds earlier. It tells processes apart: of two that start on copies of one
// outbox in the same moment, one pair in 10,000 says the same.
func startTime(now outbox.Instant) time.Time {
	return now.Time().Add(-rand.N(10 * time.Second)).Truncate(time.Millisecond)
}
