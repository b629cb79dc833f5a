package agent

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"tillpost/agent/config"
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

	// Clock tells the time; nil is the system's.
	Clock Clock
	// Rand gives the jitter of every pause, in [0,1), to any goroutine; nil is math/rand/v2.
	Rand func() float64
	// DialAPI replaces the network under the API client.
	DialAPI func(ctx context.Context, network, addr string) (net.Conn, error)
	// ListenCallbacks replaces the network under the callback listener.
	ListenCallbacks func(ctx context.Context, network, addr string) (net.Listener, error)
	// Bus replaces the connection to the broker. will makes the last will's payload.
	Bus func(topics mqtt.Topics, will func() []byte, handlers mqtt.Handlers) (mqtt.Bus, error)
	// NoHTTP leaves out the HTTP side.
	NoHTTP bool
	// Store replaces the outbox file; the agent closes it. It calls o.Committed as a bolt.Store does.
	Store func(o bolt.Options) (outbox.Store, error)
	// Started is called once by Run, when the lanes run; nil is for nobody.
	Started func()
}

// Agent is the running thing. New opens what must be there, Run does the work, once.
type Agent struct {
	cfg     *config.Config
	opts    Options
	log     *slog.Logger
	clock   Clock
	store   outbox.Store
	api     *api.Client
	bus     mqtt.Bus
	web     *monitor.Server
	calls   *callbacks // nil while callbacks are off
	metrics *monitor.Metrics
	topics  mqtt.Topics
	since   time.Time

	publish  *publisher
	lanes    *lanes
	intake   *intake
	health   *health
	problems *problems
	gate     *gate
	guard    *guard
	board    *board
	reach    *connections
	reports  reports
	progress progress
	lookout  lookout // for other agents
	listing  brake   // for another account
	unlisted unlisted
	strange  sync.Mutex // held while what is not known is read and kept

	giveUp, end context.CancelFunc
	up          atomic.Bool // connected before, so the next time is a reconnect
	running     atomic.Bool
	parting     atomic.Bool
	clockKnown  atomic.Bool
}

// New builds an agent and opens its outbox and its HTTP address; nothing is sent or taken before Run. If Run is not to
// be called, Close is.
func New(o Options) (*Agent, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Clock == nil {
		o.Clock = NewSystemClock()
	}
	if o.Rand == nil {
		o.Rand = rand.Float64
	}
	a := &Agent{cfg: o.Config, opts: o, log: o.Logger, clock: o.Clock, topics: mqtt.Topics{Prefix: o.Config.MQTT.TopicPrefix}}
	a.since = startTime(a.clock.Now())
	a.metrics = monitor.NewMetrics(monitor.BuildInfo{Version: o.Version, Commit: o.Commit, Date: o.Date, GoVersion: runtime.Version()}, refusalCodes())
	if err := checkSecrets(o.Config); err != nil {
		return nil, err
	}
	a.publish = newPublisher(a.topics, nil, a.log, newEndings(a.clock, o.Config.MQTT.StatusRetention))
	a.problems = newProblems(a.problemsChanged)
	a.makeBoard()
	if err := a.openStore(); err != nil {
		return nil, err
	}
	if err := a.connectParts(); err != nil {
		return nil, errors.Join(err, a.closeBus(), a.store.Close())
	}
	return a, nil
}

func refusalCodes() []string {
	var codes []string
	for _, c := range mqtt.Codes() {
		codes = append(codes, string(c))
	}
	return codes
}

func (a *Agent) openStore() error {
	o := bolt.Options{Policy: policyOf(a.cfg.Policy), Now: a.clock.Now, Committed: a.committed, OnCommit: a.metrics.OutboxCommit}
	open := a.opts.Store
	if open == nil {
		open = func(o bolt.Options) (outbox.Store, error) { return bolt.Open(a.cfg.Outbox.Path, o) }
	}
	store, err := open(o)
	if err != nil {
		return err
	}
	a.store, a.publish.store = store, store
	return nil
}

// connectParts makes the parts and ties them together.
func (a *Agent) connectParts() error {
	ls := &lanes{store: a.store, clock: a.clock, rand: a.opts.Rand, publish: a.publish, metrics: a.metrics, log: a.log, problems: a.problems, all: map[string]*lane{}}
	a.lanes = ls
	var ctx, calls context.Context
	ctx, a.end = context.WithCancel(context.Background())
	calls, a.giveUp = context.WithCancel(context.Background())
	ls.ctx, ls.calls = ctx, calls
	a.gate = &gate{changed: ls.kickAll}
	a.guard = &guard{store: a.store, clock: a.clock, problems: a.problems, gate: a.gate, log: a.log}
	a.lookout.gate, a.lookout.why, a.listing.gate, a.listing.why = a.gate, gateLooking, a.gate, gateListing
	ls.gate, ls.answering = a.gate, &answering{}
	a.health = newHealth(ls.answering, a.problems, a.gate, a.log)
	a.health.probe, a.health.token, a.health.up = a.refreshTerminals, a.cfg.CheckToken, a.metrics.APIUp
	ls.health, ls.directory = a.health, newDirectory(a.cfg.Terminals)
	ls.pauses = &pauses{store: a.store}
	ls.followers, ls.doubtCheck, ls.perMinute = newFollowers(), a.cfg.Policy.DoubtCheck, a.cfg.API.RequestsPerMinute
	ls.instance, ls.stranger = a.store.Identity().Instance, a.stranger
	ls.expiries = newExpiries(a.clock, a.store, ls.unread)
	ls.expiries.fire = func(terminal string, seqs []uint64) { l := ls.lane(terminal); l.do(func() { l.expire(seqs) }) }
	if err := a.openAPI(); err != nil {
		return err
	}
	ls.api, a.health.unanswered = a.api, a.api.Unanswered
	ls.rights, ls.lags = newRights(a.store, a.api.TokenID, a.log), newLags(a.store, a.log)
	ls.lags.first = ls.lagMeasured
	ls.reconciler, ls.poller = newReconciler(a.api, a.log), newPoller(a.api)
	ls.reconciler.clock, ls.reconciler.quiet, ls.reconciler.stray = a.clock, ls.quiet, ls.stray
	ls.reconciler.gained = a.gainedSeen
	ls.reconciler.rights, ls.reconciler.lags, ls.reconciler.lag = ls.rights, ls.lags, ls.listLag
	ls.reconciler.empty, ls.reconciler.surveyed = a.store.Recovery().Created, func() { a.gate.open(gateSurveying) }
	ls.reconciler.path = a.cfg.Outbox.Path + ".baseline"
	ls.reconciler.owned = a.owns
	ls.compose = composer{location: a.cfg.Store.Location, customerDetails: a.cfg.OrderDefaults.CustomerDetails, sendOrderBy: a.cfg.OrderDefaults.SendOrderBy}
	a.intake = &intake{
		cfg: a.cfg, topics: a.topics, store: a.store, clock: a.clock, directory: ls.directory, publish: a.publish,
		metrics: a.metrics, problems: a.problems, log: a.log, wake: make(chan struct{}, 1),
		inOrder: a.opts.Bus != nil || a.cfg.MQTT.Embedded == nil, early: &earlyCancels{store: a.store, ttl: a.cfg.Policy.OrderTTL},
		expect: func(terminal string) { ls.lane(terminal).expectRequest() },
	}
	if err := a.recall(); err != nil {
		return err
	}
	a.publish.agentState, a.publish.terminals, a.publish.displays = a.agentState, a.terminalInfos, a.displays
	a.metrics.WatchQueues(ls)
	a.metrics.WatchOutbox(a.outboxSize, a.freeDisk)
	a.watchStanding()
	a.checkTrust()
	if err := a.openBus(); err != nil {
		return err
	}
	if err := a.openCallbacks(); err != nil {
		return err
	}
	return a.openWeb()
}

// recall takes up the small things that were kept on disk.
func (a *Agent) recall() error {
	raw, err := a.store.GetBlob(terminalsBlob)
	if err != nil && !errors.Is(err, outbox.ErrNotFound) {
		return err
	}
	if err := a.lanes.directory.load(raw); err != nil {
		a.log.Warn("started without the kept terminal list", "err", err)
	}
	if err := a.intake.early.load(); err != nil {
		a.log.Warn("started without the remembered cancels", "err", err)
	}
	if err := a.lanes.pauses.load(); err != nil {
		return err // to start what a person has stopped is worse than not to start
	}
	if err := a.publish.loadEndings(); err != nil {
		a.log.Warn("started without knowing how far the retained statuses were cleared", "err", err)
	}
	return nil
}

func (a *Agent) openAPI() error {
	var roots *x509.CertPool
	if file := a.cfg.API.CAFile; file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("api.ca_file: %w; correct the key, or take it out", err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return fmt.Errorf("api.ca_file: %s holds no certificate in PEM form; name the file of the authority that signed the API's", file)
		}
	}
	client, err := api.New(api.Options{
		BaseURL: a.cfg.API.BaseURL, OrganizationUUID: a.cfg.API.OrganizationUUID, Token: a.cfg.TokenReader(),
		Timeout: a.cfg.API.Timeout, RootCAs: roots, RequestsPerMinute: a.cfg.API.RequestsPerMinute,
		UserAgent: "tillpost/" + a.opts.Version, DialContext: a.opts.DialAPI, Observe: a.observe, Rand: a.opts.Rand,
	})
	if err != nil {
		return err
	}
	a.api = client
	return nil
}

// committed is told of every durable change, in the order of the commits.
func (a *Agent) committed(changes []outbox.Change) {
	for _, c := range changes {
		r := c.Request
		a.count(r, c.Previous) // first: who has heard of an end finds it in the metrics
		a.publish.changed(r, place{c.Position, c.Behind})
		if c.Previous == 0 {
			a.admitted(r)
		}
		if c.From != "" {
			a.lanes.moved(r, c.From)
		}
		if r.State.Final() {
			a.lanes.expiries.drop(r.Seq)
		}
		a.settled(r, c.Previous)
		a.lanes.followed(r)
		if r.Parked {
			a.lanes.park(r)
		}
		a.log.Info("request", "request", r.ID, "kind", r.Kind.String(), "terminal", r.Terminal, "state", r.State.String(),
			"revision", r.Revision, "order", r.OrderUUID, "reason", reasonCode(r))
	}
}

// admitted starts what was accepted: its time to live runs, its lane is told, and what acts beside the lane acts.
func (a *Agent) admitted(r outbox.Request) {
	if r.Kind != outbox.KindCancel {
		left, _ := r.LiveFor(a.clock.Now())
		a.lanes.expiries.set(r.Seq, left)
	}
	l := a.lanes.lane(r.Terminal)
	switch {
	case !r.Kind.Laned():
		l.post(r.Seq, outbox.Event{Type: outbox.Due})
	case r.CancelWanted:
		l.post(r.Seq, outbox.Event{Type: outbox.CancelWanted})
	default:
		a.lanes.kick(r.Terminal)
	}
}

// settled takes away the problems that a change has ended.
func (a *Agent) settled(r outbox.Request, previous outbox.State) {
	if previous == outbox.StateInDoubt && r.State != outbox.StateInDoubt {
		a.problems.clear(ProblemNeedsStaff, r.ID)
	}
	if previous == outbox.StateUnresolved && r.State != outbox.StateUnresolved {
		a.problems.clear(ProblemUnresolved, r.ID)
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

// Close gives back what New opened, for a caller that does not Run.
func (a *Agent) Close() error {
	a.giveUp()
	a.end()
	var err error
	if a.calls != nil {
		err = a.calls.ln.Close()
	}
	if a.web != nil {
		err = errors.Join(err, a.web.Close())
	}
	a.api.Close()
	return errors.Join(err, a.closeBus(), a.store.Close())
}

// stopGrace bounds how long the last words to the broker may take, busGrace how long what the broker brought and was
// told may still be settled. With those of the lanes they add up to less than five seconds.
const (
	stopGrace = time.Second
	busGrace  = 900 * time.Millisecond
)

// Run works until ctx ends, and then stops in order within five seconds: nothing new is taken or started, calls under
// way may end, their outcomes are written and told, the broker hears "offline", the outbox closes. It returns nil after
// an ordered stop.
func (a *Agent) Run(ctx context.Context) error {
	taking, stopTaking := context.WithCancel(context.Background())
	telling, stopTelling := context.WithCancel(context.Background())
	defer stopTaking()
	defer stopTelling()
	a.beginLooking()
	var work, tell sync.WaitGroup
	failed := make(chan error, 2)
	tell.Go(func() { a.publish.run(telling) })
	busDone := make(chan struct{})
	go func() {
		defer close(busDone)
		if err := a.bus.Run(telling); err != nil {
			failed <- fmt.Errorf("broker: %w", err)
		}
	}()
	if a.web != nil {
		work.Go(func() {
			if err := a.web.Run(taking); err != nil {
				failed <- fmt.Errorf("http: %w", err)
			}
		})
	}
	if a.calls != nil {
		work.Go(func() { a.calls.run(taking) })
	}
	for _, part := range []func(context.Context){
		a.intake.run, a.health.run, a.lanes.expiries.run, a.lanes.reconciler.run, a.followTerminals, a.prune, a.clearStatuses, a.followClock, a.lanes.resume,
		a.snapshots, a.followDisk, a.board.run,
	} {
		work.Go(func() { part(taking) })
	}
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
	a.lanes.stop(a.giveUp, a.end)
	work.Wait()
	a.farewell()
	stopTelling()
	<-busDone
	tell.Wait()
	a.api.Close()
	a.log.Info("tillpost stopped")
	return errors.Join(err, a.store.Close())
}

// farewell has everything told that is still to be told, and "offline" as the last word.
func (a *Agent) farewell() {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	a.parting.Store(true) // whatever tells the agent's state from now on tells this
	a.publish.last(ctx, a.topics.Agent(), a.agentState())
}
