package agent_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// undated publishes the example order without a date.
func (w *world) undated(terminal, id string) {
	order := exampleOrder("X")
	order = strings.Replace(order, `"orderDate": "X",`, "", 1)
	w.send(terminal, "orders", fmt.Sprintf(`{"requestId":%q,"order":%s}`, id, order))
}

func (w *world) dateAtAPI(n int) string {
	var body struct{ OrderDate string }
	if err := json.Unmarshal(w.sim.Orders()[n].Body, &body); err != nil {
		w.Fatal(err)
	}
	return body.OrderDate
}

// A Pi starts in 1970, or thinks it is 2038, while the API is away: nothing expires, nothing is dated wrongly, the order
// of the queue stays, and once the clock is right all goes on.
func TestWrongClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"1970": -30 * 365 * 24 * time.Hour, "2038": 38 * 365 * 24 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.clock.unknown.Store(true)
				w.clock.ahead.Store(int64(ahead))
				w.restart()
				time.Sleep(6 * time.Second)
				w.untilProblem("clockUnknown")
				w.undated(oslo, "first")
				w.order(oslo, "second") // the till knows what day it is
				w.untilWaiting(5*time.Second, oslo, "first", "clockUnknown")
				time.Sleep(9 * time.Minute)
				if s := w.now(oslo, "first"); s.State != "queued" || s.Revision != 1 {
					t.Errorf("first is %+v", s)
				}
				w.clock.ahead.Store(0)
				w.clock.unknown.Store(false)
				w.until(20*time.Second, oslo, "first", "paid")
				w.until(20*time.Second, oslo, "second", "paid")
				today := time.Now().Format("02 Jan, 2006")
				if a, b := w.dateAtAPI(0), w.dateAtAPI(1); a != today || b != today || len(w.sim.Orders()) != 2 {
					t.Errorf("dated %s and %s, today is %s", a, b, today)
				}
				if w.now(oslo, "first").OrderUUID != w.sim.Orders()[0].UUID {
					t.Error("the second came first")
				}
			})
		})
	}
}

// Yesterday's order waits over an outage with a clock that nobody has set: it is moved to today once the clock is right,
// and is not sent with the date of yesterday before.
func TestYesterdaysOrderUnderAnUnknownClock(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.clock.unknown.Store(true)
		w.down(true)
		w.restart()
		order := exampleOrder(time.Now().AddDate(0, 0, -1).Format("02 Jan, 2006"))
		w.send(oslo, "orders", fmt.Sprintf(`{"requestId":"o","order":%s}`, order))
		w.untilWaiting(20*time.Second, oslo, "o", "apiUnreachable")
		w.down(false)
		w.untilWaiting(20*time.Second, oslo, "o", "clockUnknown")
		w.clock.unknown.Store(false)
		w.until(20*time.Second, oslo, "o", "paid")
		if date, today := w.dateAtAPI(0), time.Now().Format("02 Jan, 2006"); date != today {
			t.Errorf("dated %s, today is %s", date, today)
		}
	})
}

// What waited longer than its time to live under a wrong clock ends once the clock is right, in the boot in which it was
// accepted by its true age, and not before.
func TestNothingExpiresByAJump(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.down(true)
		w.order(oslo, "o")
		w.until(5*time.Second, oslo, "o", "queued")
		for _, ahead := range []time.Duration{12 * 365 * 24 * time.Hour, -50 * 365 * 24 * time.Hour, 0} {
			w.clock.ahead.Store(int64(ahead)) // and calls it right
			time.Sleep(2 * time.Minute)
			if s := w.now(oslo, "o"); s.State != "queued" {
				t.Fatalf("the clock jumped by %v, and it is %+v", ahead, s)
			}
		}
		w.clock.unknown.Store(true)
		time.Sleep(10 * time.Minute)
		if s := w.now(oslo, "o"); s.State != "queued" {
			t.Fatalf("it ended while the clock was unknown: %+v", s)
		}
		w.clock.unknown.Store(false)
		if s := w.until(5*time.Second, oslo, "o", "expired"); s.Reason == nil || s.Reason.Code != "expired" {
			t.Errorf("%+v", s)
		}
	})
}

// Accepted in 1970, found in the next boot: its age can't be known, and that is what it ends with, once the clock is.
func TestAgeUnknownOverABoot(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.clock.unknown.Store(true)
		w.down(true)
		w.order(oslo, "o")
		w.until(5*time.Second, oslo, "o", "queued")
		w.stop()
		w.clock.boot = "next"
		w.down(false)
		w.start()
		time.Sleep(time.Minute)
		if s := w.now(oslo, "o"); s.State != "queued" || s.Waiting == nil || s.Waiting.Code != "clockUnknown" {
			t.Errorf("%+v", s)
		}
		w.clock.unknown.Store(false)
		if s := w.until(5*time.Second, oslo, "o", "expired"); s.Reason == nil || s.Reason.Code != "ageUnknown" {
			t.Errorf("%+v", s)
		}
		if n := len(w.sim.Orders()); n > 0 {
			t.Errorf("%d orders", n)
		}
	})
}

// A lost order is found over a restart of the machine, though its clock is set years back then: what this start's lists show is
// later than any submission of an earlier one.
func TestALostOrderIsFoundByAWrongClock(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "before") // so that there is a list from before
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, Do: simulator.Page(502)})
		w.order(oslo, "lost")
		w.until(time.Minute, oslo, "lost", "in_doubt")
		w.stop()
		w.sim.ClearFaults()
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: 2, Do: simulator.Page(502)}) // the look at the start
		w.clock.boot = "-2"
		w.clock.ahead.Store(int64(-10 * 365 * 24 * time.Hour))
		w.start()
		w.until(time.Minute, oslo, "lost", "paid")
	})
}

// While the clock is not known only the API's date sets it. After an outage few calls are let through, and an order that waits for
// the clock must not be what uses them up.
func TestWhatWaitsForTheClockLeavesTheAPIToIt(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.clock.unknown.Store(true)
		w.undated(oslo, "waits")
		w.untilWaiting(10*time.Second, oslo, "waits", "clockUnknown")
		soon := 0
		for range 20 {
			w.down(true)
			time.Sleep(30 * time.Second)
			asked := w.sim.Count(simulator.OpListTerminals)
			w.down(false)
			if w.eventually(6500*time.Millisecond, func() bool { return w.sim.Count(simulator.OpListTerminals) > asked }) {
				soon++
			}
			time.Sleep(20 * time.Second)
		}
		if soon < 15 {
			t.Errorf("the API's date is asked for within 6.5 s of %d of 20 outages, want 15 or more", soon)
		}
	})
}
