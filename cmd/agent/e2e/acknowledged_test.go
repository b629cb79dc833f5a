package e2e

import (
	"context"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/internal/shoptest"
	"tillpost/mqtt/mqtttest"
)

// counter is a till of one terminal with its orders, that goes on at the first one without an acknowledgement whenever
// its connection has ended.
type counter struct {
	dial     func(ctx context.Context, id string) (net.Conn, error)
	terminal string
	payloads []string
	// most is how many of them it may publish yet.
	most      atomic.Int64
	acked     atomic.Int64
	connected atomic.Bool
}

func (c *counter) run(ctx context.Context) {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil && int(c.acked.Load()) < len(c.payloads) {
		// Why it failed does not matter: the agent is killed every now and then.
		_ = c.connection(ctx)
		select {
		case <-again.C:
		case <-ctx.Done():
		}
	}
}

func (c *counter) connection(ctx context.Context) error {
	from, to := c.acked.Load(), min(c.most.Load(), int64(len(c.payloads)))
	if from >= to {
		return nil
	}
	c.connected.Store(true)
	defer c.connected.Store(false)
	conn, err := c.dial(ctx, "counter-"+c.terminal)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	defer func() { _ = conn.Close() }()
	return publishAll(conn, "shop/terminals/"+c.terminal+"/orders", c.payloads[from:to], func() { c.acked.Add(1) })
}

// Ten tills publish as fast as they can to an agent that is its own broker, half of them over WebSockets, and it is killed twice while they do: what
// was acknowledged is there when it is back, without its till's help, and every order is placed once and in order.
func TestAcknowledgedIsOnDisk(t *testing.T) {
	outside(t)
	w := newEmbedded(t, shoptest.Options{Terminals: volumeTerminals, Settings: shoptest.Settings{"policy.doubt_check": "15s"}})
	counters := w.openCounters(0, volumeOrders, 0)
	for _, n := range []int{100, 250} {
		allow(counters, (n+200)/volumeTerminals) // all would be too many, where they are quicker than the kill
		w.Within(2*time.Minute, "some to be acknowledged", func() bool { return acknowledged(counters) >= n })
		w.Agent.Kill()
		w.Until("all tills to hear of it", func() bool {
			return !slices.ContainsFunc(counters, func(c *counter) bool { return c.connected.Load() })
		})
		promised := w.promised(counters)
		t.Logf("killed with %d acknowledged and %d orders at the API", len(promised), len(w.Sim.Orders()))
		w.Start()
		w.Listen() // what came before proves nothing
		w.Until("all that was acknowledged to be there", func() bool {
			told := w.Heard.Statuses()
			return !slices.ContainsFunc(promised, func(id string) bool { return told[id].State == "" })
		})
	}
	allow(counters, volumeOrders)
	w.settleDoubts(2*time.Minute, func() bool { return w.paid("") == volumeOrders })
	w.inOrder()
}

// allow lets each till publish that many of its orders.
func allow(counters []*counter, most int) {
	for _, c := range counters {
		c.most.Store(int64(most))
	}
}

// openCounters has each terminal's till publish its orders from one up to another, but not more than it is allowed, until
// the test ends.
func (w *world) openCounters(from, to, most int) (all []*counter) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	w.Cleanup(cancel)
	for i := range volumeTerminals {
		c := &counter{terminal: terminal(i)}
		c.dial = func(ctx context.Context, id string) (net.Conn, error) { return mqtttest.Dial(ctx, w.Broker, id, 0) }
		if w.WebSocket != "" && i%2 == 1 {
			c.dial = func(ctx context.Context, id string) (net.Conn, error) { return dialWebTill(ctx, w.WebSocket, id) }
		}
		c.most.Store(int64(most))
		for k := from + i; k < to; k += volumeTerminals {
			c.payloads = append(c.payloads, shoptest.Request(volumeID(k), "order", shoptest.Example(w.Today(), volumeID(k))))
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			c.run(ctx)
		}()
		w.Cleanup(func() {
			cancel()
			<-ended
		})
		all = append(all, c)
	}
	return all
}

func acknowledged(counters []*counter) (n int) {
	for _, c := range counters {
		n += int(c.acked.Load())
	}
	return n
}

// promised returns the orders that were acknowledged.
func (w *world) promised(counters []*counter) (ids []string) {
	for i, c := range counters {
		for k := range int(c.acked.Load()) {
			ids = append(ids, volumeID(i+k*volumeTerminals))
		}
	}
	return ids
}
