package agent_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/outbox"
)

// reserve is an outbox whose disk may be full: what was accepted goes on, nothing new is taken.
type reserve struct {
	outbox.Store
	full atomic.Bool
}

func (r *reserve) Accept(ctx context.Context, arrivals ...outbox.Arrival) ([]outbox.Added, error) {
	if r.full.Load() {
		return nil, outbox.ErrFull
	}
	return r.Store.Accept(ctx, arrivals...)
}

func (r *reserve) Room() bool { return !r.full.Load() && r.Store.Room() }

// onReserve starts a world's agent with an outbox whose disk may be full next.
func onReserve(w *world) *reserve {
	r := &reserve{}
	w.restartOn(func(s outbox.Store) outbox.Store { r.Store = s; return r })
	return r
}

// TestAFullDiskKeepsTheConnection: tills hear how open requests end while new ones wait, and those are then taken in their order.
func TestAFullDiskKeepsTheConnection(t *testing.T) {
	inWorld(t, "", func(w *world) {
		r := onReserve(w)
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "begun")
		w.until(5*time.Second, oslo, "begun", "awaiting_customer")
		r.full.Store(true)
		var late []string
		for i := range 30 {
			late = append(late, fmt.Sprintf("late-%02d", i))
			w.order(oslo, late[i])
		}
		time.Sleep(time.Minute)
		if state, problems := w.agentState(); state != "degraded" || !slices.Contains(problems, "outboxFull") {
			t.Errorf("the agent says %q %v of a full disk", state, problems)
		}
		if err := w.sim.Settle(w.sim.Orders()[0].UUID, simulator.Pays); err != nil {
			t.Fatal(err)
		}
		w.until(10*time.Second, oslo, "begun", "paid")
		if s := w.now(oslo, late[0]); s.State != "" {
			t.Errorf("with no room for it, the first of the new ones is %q", s.State)
		}
		r.full.Store(false)
		w.until(5*time.Minute, oslo, late[29], "paid")
		if strings.Contains(w.log.String(), "no connection to the broker") {
			t.Error("the connection to the broker ended")
		}
		for i, o := range w.sim.Orders()[1:] {
			if s := w.now(oslo, late[i]); s.OrderUUID != o.UUID {
				t.Fatalf("order %d was not sent for %s: %+v", i+1, late[i], s)
			}
		}
		w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" })
	})
}

// TestAFullDiskBehindABrokerThatComesAndGoes: what a connection brings again while it is held is not held without end, and nothing
// of it is lost or taken twice.
func TestAFullDiskBehindABrokerThatComesAndGoes(t *testing.T) {
	inWorld(t, "", func(w *world) {
		r := onReserve(w)
		r.full.Store(true)
		const n = 30
		id := func(i int) string { return fmt.Sprintf("o-%02d", i) }
		for i := range n {
			w.order(oslo, id(i))
		}
		for range 100 { // twenty come with each connection
			time.Sleep(2 * time.Second)
			w.broker.Cut()
		}
		if !strings.Contains(w.log.String(), "msg=\"no connection to the broker; it is tried again\" err=\"the disk is full\"") {
			t.Error("2,000 messages were held")
		}
		r.full.Store(false)
		w.until(5*time.Minute, oslo, id(n-1), "paid")
		w.wantOrders(n)
		for i, o := range w.sim.Orders() {
			if s := w.now(oslo, id(i)); s.OrderUUID != o.UUID {
				t.Fatalf("order %d was not sent for %s: %+v", i, id(i), s)
			}
		}
	})
}
