package soak

import (
	"context"
	"sync"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

const (
	dayTerminals = 20
	// A till in a busy shop sells twice a minute; here it sells ten times as often.
	dayPace = 3 * time.Second
	// attended is how long after closing time staff and agent have for what is left.
	attended = 4 * time.Minute
)

// A tenth of the defaults goes with ten times the rate, so that an hour here is ten of a shop's.
func daySettings(open time.Duration) shoptest.Settings {
	return shoptest.Settings{
		"policy.order_ttl": "1m", "policy.refund_ttl": "5m", "policy.customer_timeout": "30s", "policy.doubt_check": "15s", "policy.doubt_hold": "1m",
		"policy.poll_interval": "200ms", "policy.busy_backoff_min": "200ms", "policy.busy_backoff_max": "1500ms", "outbox.retention": retention(open),
	}
}

// retention is short, so that what is kept has its full size early in the day, but no shorter than a till needs to refund
// what it sold.
func retention(open time.Duration) time.Duration {
	return min(max(open/20, 45*time.Second), 2*time.Minute)
}

// day is a shop on a day when everything goes wrong.
type day struct {
	*shop
	chance *dice
	tills  []*till

	mu     sync.Mutex
	events map[string]int
}

// TestDay has twenty terminals at ten times a busy shop's rate, at an API, a broker and with customers that fail in all
// ways, and a person who settles what is in doubt. What the agent uses stays flat, and in the end the books agree to
// the øre. SOAK says how long the shop is open.
func TestDay(t *testing.T) {
	slow(t)
	open := duration(t, envSoak, time.Minute)
	for name, embedded := range map[string]bool{"mosquitto": false, "embedded": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &day{chance: newDice(t), events: map[string]int{}}
			d.shop = newShop(t, embedded, dayTerminals, daySettings(open))
			d.live(open)
		})
	}
}

// live is the day from opening to the comparison of the books.
func (d *day) live(open time.Duration) {
	d.Helper()
	d.misbehave()
	d.Run()
	d.AwaitReady()
	online, offline := context.WithCancel(d.Context())
	selling, closed := context.WithTimeout(online, open)
	var staying, leaving sync.WaitGroup
	defer func() { closed(); offline(); leaving.Wait(); staying.Wait() }()
	for i := range dayTerminals {
		till := newTill(d.shop, i)
		d.tills = append(d.tills, till)
		staying.Go(func() { till.run(online) })
		leaving.Go(func() { d.trade(selling, till) })
	}
	staying.Go(func() { d.staff(online) })
	u := newUsage(open)
	d.disturb(selling, open, u)
	leaving.Wait()
	d.calm()
	if !proctest.Eventually(attended, func() bool { return len(d.books.open(true)) == 0 }) {
		d.Errorf("not over %v after closing time: %v", attended, d.books.open(true))
	}
	sum := d.reconcile(true)
	d.Logf("open for %v; %v\n  what went wrong: %v\n  API calls: %d\n%v", open, sum, d.eventList(), d.calls(), u)
	d.unused(sum, open)
	u.check(d.shop, sum)
}

// misbehave is what the API does all day long.
func (d *day) misbehave() {
	for _, f := range []struct {
		op       simulator.Operation
		permille float64
		do       simulator.Action
	}{
		{simulator.OpCreate, 20, simulator.DropAfter()},
		{simulator.OpCreate, 8, simulator.DropBefore()},
		{simulator.OpCreate, 10, simulator.HalfReply()},
		{simulator.OpCreate, 5, simulator.DelayReply(4 * time.Second)}, // longer than the agent waits
		{simulator.OpCreate, 30, simulator.BusyReply()},
		{simulator.OpCreate, 5, simulator.BusyButCreated()},
		{simulator.OpCreate, 5, simulator.Unreadable(simulator.GarbageHTML)},
		{simulator.OpCreate, 3, simulator.Refuse(510, "Execution Exception Occurred", "somethingWentWrong")},
		{simulator.OpCreate, 2, simulator.Redirect(307)},
		{simulator.OpCreate, 3, simulator.RateLimited(time.Second)},
		{simulator.OpCreate, 1, simulator.Unauthorized()},
		{simulator.OpPaymentStatus, 20, simulator.DropBefore()},
		{simulator.OpPaymentStatus, 5, simulator.Unreadable(simulator.GarbageInvalidJSON)},
		{simulator.OpRefund, 40, simulator.DropAfter()},
		{simulator.OpRefund, 20, simulator.DropBefore()},
		{simulator.OpRefund, 40, simulator.BusyReply()},
		{simulator.OpRefundStatus, 50, simulator.DropBefore()},
		{simulator.OpCancel, 50, simulator.DropAfter()},
		{simulator.OpCancel, 50, simulator.DropBefore()},
		{simulator.OpOrderStatuses, 50, simulator.HalfReply()},
		{simulator.OpOrderDetails, 50, simulator.DropBefore()},
	} {
		d.Sim.Inject(simulator.Fault{Operation: f.op, Probability: f.permille / 1000, Do: f.do})
	}
	d.Must(d.Sim.SetCustomer("", simulator.Pay(800*time.Millisecond)))
	d.Must(d.Sim.SetRefundCustomer("", simulator.Pay(500*time.Millisecond)))
}

// disturb breaks things until closing time, and has the agent's use of the machine measured. What ends the agent comes
// in the first and the last tenth: between them one process lives, whose memory can be compared with itself.
func (d *day) disturb(ctx context.Context, open time.Duration, u *usage) {
	d.Helper()
	begin := time.Now()
	next := begin.Add(open / 40)
	for sleep(ctx, min(open/400, time.Second)) {
		age := time.Since(begin)
		steady := age > open/10 && age < open*9/10
		u.sample(d.shop, age, steady)
		if time.Now().Before(next) {
			continue
		}
		// An hour has 240 events or so, a minute 24.
		next = time.Now().Add(d.chance.between(open/100, max(open/30, 2*time.Second)))
		d.event(ctx, steady)
	}
}

func (d *day) event(ctx context.Context, steady bool) {
	d.Helper()
	if !steady {
		if d.chance.chance(600) {
			d.did("kill -9")
			d.Agent.Kill()
		} else {
			d.did("restart")
			if code := d.Agent.Stop(); code != 0 {
				d.Errorf("the agent ended with %d", code)
			}
		}
		sleep(ctx, d.chance.between(0, time.Second))
		d.Run()
		d.AwaitReady()
		return
	}
	switch roll := d.chance.below(10); {
	case roll < 4:
		d.did("outage")
		d.Must(d.Sim.SetDown(true))
		sleep(ctx, d.chance.between(500*time.Millisecond, 6*time.Second))
		d.Must(d.Sim.SetDown(false))
	case roll < 7 || d.Mosquitto == nil:
		d.did("terminal busy with itself")
		d.Must(d.Sim.SetBusyFor(terminal(d.chance.below(dayTerminals)), d.chance.between(time.Second, 8*time.Second)))
	case roll == 7:
		d.did("broker restarted")
		d.Mosquitto.Restart()
	case roll == 8:
		d.did("broker killed")
		d.Mosquitto.Kill()
		sleep(ctx, d.chance.between(0, 2*time.Second))
		d.Mosquitto.Start()
	default:
		d.did("broker without memory")
		d.Mosquitto.RestartForgetful()
	}
}

func (d *day) did(what string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.events[what]++
}

func (d *day) eventList() map[string]int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.events
}

// calm ends all that goes wrong by itself.
func (d *day) calm() {
	d.Helper()
	d.Sim.ClearFaults()
	d.Must(d.Sim.SetDown(false))
	if d.Mosquitto != nil {
		d.Mosquitto.Start()
	}
	for i := range dayTerminals {
		d.Must(d.Sim.SetBusy(terminal(i), false))
	}
	if !d.Agent.Running() {
		d.Errorf("the agent ended by itself with %d", d.Agent.Code())
		d.Run()
	}
	d.AwaitReady()
}

func (d *day) calls() (n int) {
	for _, op := range []simulator.Operation{simulator.OpListTerminals, simulator.OpCreate, simulator.OpCancel, simulator.OpResend, simulator.OpPaymentStatus,
		simulator.OpRefund, simulator.OpRefundStatus, simulator.OpApproval, simulator.OpOrderStatuses, simulator.OpOrderStatus, simulator.OpOrderDetails} {
		n += d.Sim.Count(op)
	}
	return n
}

// unused fails a day on which too little happened to say anything.
func (d *day) unused(sum tally, open time.Duration) {
	d.Helper()
	if least := int(open/dayPace) * dayTerminals * 2 / 3; sum.orders < least {
		d.Errorf("%d orders, want %d and more", sum.orders, least)
	}
	wanted := []string{"order paid", "order declined", "order cancelled"}
	if open >= 5*time.Minute { // a minute's dice may leave one out
		wanted = append(wanted, "refund refunded", "cancel done", "resolution done")
	}
	for _, state := range wanted {
		if sum.states[state] == 0 {
			d.Errorf("not one %s", state)
		}
	}
	if sum.doubted == 0 {
		d.Error("nothing was ever in doubt")
	}
}
