package agent_test

import (
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestBusyWithoutASearch: it is not confirmed that the API shows terminal orders to those who search. Where it does not,
// the operator's word on busy replies decides.
func TestBusyWithoutASearch(t *testing.T) {
	gone := simulator.Action{Kind: simulator.KindStatus, Code: 404, Body: "<html>404 page not found</html>"}
	for name, c := range map[string]struct {
		policy, want string
		prepare      func(*simulator.Simulator)
	}{
		"forbidden, not created": {"", "paid", func(s *simulator.Simulator) { s.SetLookups(simulator.LookupsForbidden) }},
		"forbidden, doubt":       {`busy_means = "doubt"`, "in_doubt", func(s *simulator.Simulator) { s.SetLookups(simulator.LookupsForbidden) }},
		"no such operation": {"", "paid", func(s *simulator.Simulator) {
			s.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, Do: gone})
		}},
		"no details": {"", "paid", func(s *simulator.Simulator) {
			s.Inject(simulator.Fault{Operation: simulator.OpOrderDetails, Times: -1, Do: gone})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, c.policy, func(w *world) {
				w.anew(func() { c.prepare(w.sim) })
				w.sale(bergen, "other") // so that the list has something to show
				w.foreign(bergen)
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Times: 2, Do: simulator.BusyReply()})
				w.order(oslo, "busy")
				time.Sleep(time.Minute)
				w.until(0, oslo, "busy", "queued") // a minute of refusals establishes nothing
				w.until(4*time.Minute, oslo, "busy", c.want)
			})
		})
	}
}

// TestAnUnreadableListIsNoAnswer: a search that can't be finished allows no repeat.
func TestAnUnreadableListIsNoAnswer(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, Do: simulator.Unreadable(simulator.GarbageInvalidJSON)})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyReply()})
		w.order(oslo, "busy")
		w.untilWaiting(5*time.Second, oslo, "busy", "terminalIsBusy")
		time.Sleep(2 * time.Minute)
		if n := w.sim.Count(simulator.OpCreate); n != 1 {
			t.Errorf("%d creates, want 1", n)
		}
		w.sim.ClearFaults()
		w.until(time.Minute, oslo, "busy", "paid")
	})
}

// TestOneMissingListIsNoLicence: a proxy's 404 on the list, once, does not mean that the API lets nobody search, and a
// busy terminal's word is not taken for it.
func TestOneMissingListIsNoLicence(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Do: simulator.Status(404, "<html>404 page not found</html>")})
		w.start()
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
		w.order(oslo, "hidden")
		w.until(3*time.Minute, oslo, "hidden", "paid")
		if n := len(w.sim.Orders()); n != 1 {
			t.Errorf("%d orders, want 1", n)
		}
	})
}

// TestAListWithoutOurOrdersIsNoAnswer: a list that answers in full and lacks an order that the API has told us of says
// nothing of one that hides behind a busy answer.
func TestAListWithoutOurOrdersIsNoAnswer(t *testing.T) {
	for name, restart := range map[string]bool{"": false, "after a restart": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(bergen, "known")
				if restart {
					w.restart()
				}
				w.sim.SetLookups(simulator.LookupsHidden)
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
				w.order(oslo, "hidden")
				w.untilWaiting(5*time.Second, oslo, "hidden", "terminalIsBusy")
				time.Sleep(9 * time.Second) // it may lag behind
				w.sim.SetLookups(simulator.LookupsShown)
				w.until(10*time.Second, oslo, "hidden", "paid")
				if n := len(w.sim.Orders()); n != 2 {
					t.Errorf("%d orders, want 2", n)
				}
			})
		})
	}
}

// TestAListThatNeverShowsOurOrders is none to search in: the operator's word on busy replies decides.
func TestAListThatNeverShowsOurOrders(t *testing.T) {
	for policy, want := range map[string]string{"": "paid", `busy_means = "doubt"`: "in_doubt"} {
		inWorld(t, policy, func(w *world) {
			w.sale(bergen, "known")
			time.Sleep(10 * time.Minute)
			w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Times: 2, Do: simulator.BusyReply()})
			w.order(oslo, "busy")
			w.until(30*time.Second, oslo, "busy", want)
			if want == "paid" {
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyReply()})
				w.order(oslo, "again")
				w.until(8*time.Second, oslo, "again", "paid") // that is known by now
			}
			if !strings.Contains(w.log.String(), "our orders in the list") {
				t.Error("nobody is told")
			}
		}, func(o *simulator.Options) { o.Lookups = simulator.LookupsHidden })
	}
}

// TestAListThatHasShownOurOrders and shows them no more is a bad moment's, however long that takes.
func TestAListThatHasShownOurOrders(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "known")
		w.sim.SetLookups(simulator.LookupsHidden)
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
		w.order(oslo, "busy")
		w.untilWaiting(5*time.Second, oslo, "busy", "terminalIsBusy")
		time.Sleep(9 * time.Minute)
		w.until(0, oslo, "busy", "queued")
		w.until(time.Minute+time.Second, oslo, "busy", "in_doubt") // not expired: nobody knows
		w.sim.SetLookups(simulator.LookupsShown)
		w.until(time.Minute, oslo, "busy", "paid")
		if n := len(w.sim.Orders()); n != 2 {
			t.Errorf("%d orders, want 2", n)
		}
	})
}

// TestAnOldOrderNeedNotBeListed: what the API put away after a day does not stop anything.
func TestAnOldOrderNeedNotBeListed(t *testing.T) {
	inWorld(t, `busy_means = "doubt"`, func(w *world) {
		w.sale(bergen, "known")
		time.Sleep(24 * time.Hour)
		w.sim.SetLookups(simulator.LookupsHidden)
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyReply()})
		w.order(oslo, "busy")
		w.until(10*time.Second, oslo, "busy", "paid")
	})
}
