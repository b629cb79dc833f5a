package chaos_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent/config"
	"tillpost/api/simulator"
	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

// options are what differs between the runs of one seed.
type options struct {
	count *counters
	dir   string
	trace bool // note what the agents log, too
	only  feature
	// The faults of mutants: a machine, and a bus that acknowledges first.
	step       stepFunc
	stepOf     func(*world) stepFunc
	ackFirst   bool
	dropsFirst bool
	dropsNext  bool
	deaf       bool // to what the broker retains
	atOnce     bool // the lags that were measured are forgotten
	misread    func(op simulator.Operation, rec *recorder)
}

// world is one schedule under way: a shop, its API, its broker, its clock, and what befalls them.
type world struct {
	dice
	plan
	o     options
	count *counters
	cfg   *config.Config
	clock *clock
	sim   *simulator.Simulator
	disk  disk

	broker  *mqtttest.Broker
	current atomic.Pointer[process]
	restart chan bool

	calm, down, hole atomic.Bool
	subscribed       atomic.Bool  // ever, so that the broker keeps what comes
	full             atomic.Int32 // 1: no new requests fit on the disk; 2: nothing does
	serving          sync.WaitGroup

	mu          sync.Mutex
	closed      bool
	serverConns map[*serverConn]bool
	calls       map[string]int
	arrivals    []arrival
	started     time.Time
	trace       []string
	failures    []string
	ends        []func()
	tills       tills
	seen        map[string]told
	refused     map[string]bool // at the door, published or not

	leave   leave
	pulses  pulses
	trouble time.Time       // when more was wrong last than single calls
	hinted  map[string]bool // orders that a callback named, and that was answered 204
	// Of an older copy that was put back: what it held, and what was accepted after it.
	// carriedOut are the resolutions that were ever done, whatever a copy knows of that.
	carriedOut map[string]bool
	older      atomic.Bool
	copied     map[string]uint64 // with their revisions
	lost       map[string]bool
	sentAt     map[string]time.Time          // when a request was first on its way
	endedAt    map[string]time.Time          // and when it ended last
	toldBack   map[refundKey]map[string]bool // refunds that were published as refunded
	accepting  bool                          // an operator is to accept it while no process runs
	refusing   atomic.Bool
	withholds  atomic.Bool
	unwritten  atomic.Int64           // when a write last failed, as of now
	said       atomic.Pointer[string] // the message of the last reply that was no success
	menus      menus
	people     sync.WaitGroup  // who pause terminals and have them go on
	paused     map[string]bool // terminals whose pause was confirmed
	resumed    map[string]int  // how often a person had a terminal go on
	resuming   map[string]int  // how many were not answered yet
}

// result is what came of a schedule.
type result struct {
	seed     uint64
	feature  feature
	failures []string
	trace    []string
}

func (r *result) String() string {
	return fmt.Sprintf("seed %d (%s):\n  %s", r.seed, r.feature, strings.Join(r.failures, "\n  "))
}

// run runs the schedule of a seed from its first message to the last.
func run(t *testing.T, seed uint64, o options) (r *result) {
	t.Helper()
	r = &result{seed: seed}
	defer func() {
		if v := recover(); v != nil {
			panic(fmt.Sprintf("seed %d: %v", seed, v))
		}
	}()
	synctest.Test(t, func(*testing.T) {
		w := newWorld(seed, o)
		w.live()
		r.feature, r.failures, r.trace = w.on, w.failures, w.trace
	})
	return r
}

func newWorld(seed uint64, o options) *world {
	w := &world{
		dice: dice(mix(seed)), o: o, count: o.count, broker: mqtttest.NewBroker(), clock: newClock(), restart: make(chan bool),
		serverConns: map[*serverConn]bool{}, calls: map[string]int{}, seen: map[string]told{}, refused: map[string]bool{}, started: time.Now(),
		leave: newLeave(time.Now()), pulses: pulses{}, hinted: map[string]bool{}, sentAt: map[string]time.Time{}, endedAt: map[string]time.Time{}, toldBack: map[refundKey]map[string]bool{}, lost: map[string]bool{}, carriedOut: map[string]bool{},
		paused: map[string]bool{}, resumed: map[string]int{}, resuming: map[string]int{},
	}
	w.plan = w.draw()
	w.cfg, w.menus = w.config(seed, o.dir), w.draftMenus()
	w.sim = simulator.New(w.simulated(seed))
	if o.stepOf != nil {
		o.step = o.stepOf(w)
	}
	if w.onFile && o.step == nil {
		w.disk = &fileDisk{dir: filepath.Join(o.dir, fmt.Sprint(seed))}
		w.count.onFile.Add(1)
	} else {
		w.disk = &memDisk{step: o.step}
	}
	w.count.schedules.Add(1)
	return w
}

// live is the schedule: everything happens in its time, then all is well again, and then everything has to have ended.
func (w *world) live() {
	supervised := make(chan struct{})
	halt := make(chan struct{})
	w.note("%+v", w.plan)
	go func() {
		defer close(supervised)
		w.supervise(halt)
	}()
	for _, s := range w.script() {
		time.Sleep(time.Until(w.started.Add(s.at)))
		if s.what != "" {
			w.note("%s", s.what)
		}
		s.do()
	}
	w.settleDown()
	w.await()
	w.people.Wait()
	w.checkAll()
	close(halt)
	<-supervised
	w.checkFarewell()
	w.close()
}

// close takes the world down; the bubble ends with its last goroutine.
func (w *world) close() {
	for _, f := range w.ends {
		f()
	}
	w.mu.Lock()
	w.closed = true
	for c := range w.serverConns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.sim.Close()
	w.serving.Wait()
}

func (w *world) atEnd(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ends = append(w.ends, f)
}

// settleDown ends every fault.
func (w *world) settleDown() {
	w.note("calm")
	w.calm.Store(true)
	w.sim.ClearFaults()
	w.sim.SetToken(token)
	w.refusing.Store(false)
	w.setDown(false)
	w.hole.Store(false)
	w.full.Store(0)
	w.broker.Hold(false)
	w.broker.Start()
	w.clock.set(0, true)
	for _, t := range w.terminals {
		w.sim.AddTerminal(simulator.Terminal{UUID: t, Name: t})
	}
	if w.pauses {
		for _, t := range w.terminals {
			w.people.Go(func() { w.resume(t) })
		}
	}
	w.repeatUntold()
	w.operator()
	w.customersDecide()
}

// customersDecide has whoever still stands at a terminal pay or go, where nobody else would end it.
func (w *world) customersDecide() {
	if w.customerTimeout > 0 {
		return
	}
	for _, o := range w.sim.Orders() {
		deed := map[bool]simulator.Deed{true: simulator.Pays, false: simulator.Declines}[w.chance(0.5, "decides "+o.UUID)]
		if o.Status == simulator.Sent {
			_ = w.sim.Settle(o.UUID, deed) // it is there
		}
		if len(o.Refunds) > 0 {
			_, _ = w.sim.SettleRefund(o.UUID, deed)
		}
	}
}

const (
	// patience is how long after the last fault everything has to have ended.
	patience = 12 * time.Minute
	// breath is the time in which a broker or an API that is back is noticed.
	breath = 20 * time.Second
	// lateLook covers the next look, a minute apart, at what ended without a payment.
	lateLook = 65 * time.Second
	// notOurs covers the rounds after which it is known that we may not read details, and a look after them.
	notOurs = 4 * time.Minute
)

// await lets time pass until every request has ended, and what was paid late has had the time to be seen.
func (w *world) await() {
	for end := time.Now().Add(patience); time.Now().Before(end) && len(w.unended()) > 0; {
		time.Sleep(time.Second)
		w.checkCalm()
	}
	time.Sleep(w.longestLag())
	if w.mayBeLate() {
		time.Sleep(lateLook)
		if w.has(fCallbacks) && w.lookups != simulator.LookupsShown {
			time.Sleep(notOurs)
		}
	}
	for end := time.Now().Add(patience); time.Now().Before(end) && len(w.unended()) > 0; {
		time.Sleep(time.Second) // a late look may reopen nothing, but a follower may just have begun
	}
	time.Sleep(2 * time.Second) // what is to be published is by then
}

// jitter returns the jitter of a moment, so that it does not depend on the order of calls.
func (w *world) jitter() float64 { return float64(w.roll("jitter", w.now())>>11) / (1 << 53) }

// now returns the moment as a number for the dice.
func (w *world) now() int { return int(time.Since(w.started)) }

func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(format, args...)
}

func (w *world) noteLocked(format string, args ...any) {
	at := time.Since(w.started)
	w.trace = append(w.trace, fmt.Sprintf("%12.6f  ", at.Seconds())+fmt.Sprintf(format, args...))
}

// checkCalm checks what does not move, and has customers act who come to a terminal only now.
func (w *world) checkCalm() {
	w.customersDecide()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkPulses()
}

func (w *world) fail(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failLocked(format, args...)
}

func (w *world) failLocked(format string, args ...any) {
	w.noteLocked("FAILED: "+format, args...)
	if len(w.failures) < 20 {
		w.failures = append(w.failures, fmt.Sprintf(format, args...))
	}
}

// publish is what a till does.
func (w *world) publish(terminal, kind, payload string) {
	w.broker.Publish(mqtt.Message{Topic: "tillpost/terminals/" + terminal + "/" + kind, Payload: []byte(payload)})
}
