package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

const (
	volumeOrders    = 500
	volumeTerminals = 10
)

func volumeID(i int) string { return fmt.Sprintf("v-%03d", i) }

// volume publishes all orders at once, to each terminal in turn.
func (w *world) volume() {
	w.Helper()
	w.publish(0, volumeOrders)
}

// publish publishes the orders from one up to another. Where each acknowledgement waits for the disk, each terminal has a
// till of its own, or the first orders would be paid before the last are published.
func (w *world) publish(from, to int) {
	w.Helper()
	if w.Embedded() {
		counters := w.openCounters(from, to, to-from)
		w.Within(2*time.Minute, "all to be acknowledged", func() bool { return acknowledged(counters) == to-from })
		return
	}
	for i := from; i < to; i++ {
		w.Order(terminal(i%volumeTerminals), volumeID(i))
	}
}

// paid counts the orders whose status is paid, but for those of one terminal.
func (w *world) paid(but string) (n int) {
	for _, s := range w.Heard.Statuses() {
		if s.State == "paid" && s.Terminal != but {
			n++
		}
	}
	return n
}

// inOrder checks that each order came to the API once, and in the order of its terminal's queue.
func (w *world) inOrder() {
	w.Helper()
	got := map[string][]string{}
	for _, o := range w.Sim.Orders() {
		got[o.Terminal] = append(got[o.Terminal], shoptest.Reference(w, o))
	}
	for i := range volumeTerminals {
		var want []string
		for k := i; k < volumeOrders; k += volumeTerminals {
			want = append(want, volumeID(k))
		}
		if have := got[terminal(i)]; !slices.Equal(have, want) {
			w.Errorf("%s got %d orders\n%v\nwant %d\n%v", terminal(i), len(have), have, len(want), want)
		}
	}
}

func TestManyOrdersOnceAndInOrder(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Terminals: volumeTerminals})
	w.volume()
	w.Within(2*time.Minute, "all to be paid", func() bool { return w.paid("") == volumeOrders })
	w.inOrder()
	if n := w.Sim.Count(simulator.OpCreate); n != volumeOrders {
		t.Errorf("%d creates, want %d", n, volumeOrders)
	}
}

func TestManyOrdersOverAnOutage(t *testing.T) {
	outside(t)
	// A slow machine has time to find an order before a person is asked, who would have it sent again.
	w := newWorld(t, shoptest.Options{Terminals: volumeTerminals, Settings: shoptest.Settings{"policy.doubt_check": "15s"}})
	w.UntilOnline()
	w.down(true)
	w.volume()
	w.UntilProblem("apiUnreachable")
	if s := w.Now(terminal(0), volumeID(0)); s.State != "queued" || s.Waits() != "apiUnreachable" {
		t.Errorf("the first is %+v", s)
	}
	if code, text := w.Get("/readyz"); code != 200 {
		t.Errorf("not ready without the API: %d %s", code, text)
	}
	w.down(false)
	w.Until("some to be paid", func() bool { return w.paid("") > 50 })
	// And once more in the middle, where calls are under way.
	w.down(true)
	w.UntilProblem("apiUnreachable")
	w.down(false)
	w.settleDoubts(2*time.Minute, func() bool { return w.paid("") == volumeOrders })
	w.inOrder()
}

func TestABusyTerminalDelaysNoOther(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Terminals: volumeTerminals})
	w.Must(w.Sim.SetBusy(terminal(3), true))
	w.volume()
	w.Within(2*time.Minute, "the nine others to end", func() bool { return w.paid(terminal(3)) == volumeOrders*9/10 })
	w.UntilWaits(terminal(3), volumeID(3), "terminalIsBusy")
	if n := w.paid("") - w.paid(terminal(3)); n != 0 {
		t.Errorf("%d orders paid at a busy terminal", n)
	}
	w.Must(w.Sim.SetBusy(terminal(3), false))
	w.Within(2*time.Minute, "all to be paid", func() bool { return w.paid("") == volumeOrders })
	w.inOrder()
}

func TestKilledInTheMiddle(t *testing.T) {
	outside(t)
	// What is to be caught at a kill is chosen beforehand: these are carried out at the API, and their replies come so late
	// that they reach nobody. A slow machine has long enough to find an order before a person is asked, who would hold its
	// terminal until then.
	w := newWorld(t, shoptest.Options{Terminals: volumeTerminals, Settings: shoptest.Settings{"policy.doubt_check": "15s", "api.timeout": "10m"}})
	const between = 150
	for _, part := range []struct{ from, kill, to int }{{0, 60, between}, {between, 200, volumeOrders}} {
		for i := range 4 {
			w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Reference: volumeID(part.kill + i), Do: simulator.DelayReply(9 * time.Minute)})
		}
		w.publish(part.from, part.to)
		w.settleDoubts(2*time.Minute, func() bool { return w.caught(part.kill) == 4 })
		w.Crash()
		// The rest comes only now: the search for one order would find the next ones to be caught, and end their sending.
		w.settleDoubts(2*time.Minute, func() bool { return w.paid("") == part.to })
	}
	w.inOrder()
	adopted := 0
	for i := range volumeOrders {
		if slices.Contains(w.history(volumeID(i)), "in_doubt") && !slices.Contains(resolved(w), volumeID(i)) {
			adopted++
		}
	}
	if adopted < 8 {
		t.Errorf("%d orders were found by their mark, want the 8 whose replies got lost", adopted)
	}
}

// caught counts those of the four orders from the nth on that the API holds and the agent does not know to be there.
func (w *world) caught(n int) (caught int) {
	orders, statuses := w.Orders(), w.Heard.Statuses()
	for i := range 4 {
		if id := volumeID(n + i); statuses[id].State == "sending" {
			caught += orders[id]
		}
	}
	return caught
}

// settleDoubts has a person resubmit everything that is in doubt, until all is well.
func (w *world) settleDoubts(within time.Duration, well func() bool) {
	w.Helper()
	asked := map[string]bool{}
	w.Within(within, "all doubts to be settled", func() bool {
		for id, s := range w.Heard.Statuses() {
			if s.State == "in_doubt" && s.Waits() == "needs_staff" && !asked[id] {
				asked[id] = true
				w.Send(s.Terminal, "resolutions", fmt.Sprintf(`{"requestId":"resolve-%s","target":%q,"outcome":"resubmit","by":"Ola"}`, id, id))
			}
		}
		return well()
	})
}

// resolved returns the requests that a person had sent again.
func resolved(w *world) (ids []string) {
	for id := range w.Heard.Statuses() {
		if target, ok := strings.CutPrefix(id, "resolve-"); ok {
			ids = append(ids, target)
		}
	}
	return ids
}
