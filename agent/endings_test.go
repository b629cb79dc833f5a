package agent_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/mqtt/message"
)

// retention has the world's agents keep statuses for so long at the broker.
func (w *world) retention(d time.Duration) {
	line := "url = \"tcp://127.0.0.1:1883\"\n"
	before, _, _ := strings.Cut(w.cfg, "status_retention")
	if before == w.cfg {
		w.cfg = strings.Replace(w.cfg, line, line+"status_retention = \""+d.String()+"\"\n", 1)
		return
	}
	_, after, _ := strings.Cut(w.cfg[len(before):], "\n")
	w.cfg = before + "status_retention = \"" + d.String() + "\"\n" + after
}

// settledThrough is how far the statuses go that were cleared, by the agent's retained message.
func (w *world) settledThrough() message.SettledThrough {
	w.Helper()
	raw, _ := w.broker.Retained("tillpost/agent")
	var s struct{ SettledThrough message.SettledThrough }
	if err := json.Unmarshal(raw, &s); err != nil {
		w.Fatal(err)
	}
	return s.SettledThrough
}

// clearings counts how often a status topic was emptied.
func (w *world) clearings(id string) (n int) {
	for _, m := range w.broker.Log() {
		if m.Retained && len(m.Payload) == 0 && strings.HasSuffix(m.Topic, "/status/"+id) {
			n++
		}
	}
	return n
}

const aDay = 24 * time.Hour

// A status stays for a day after its request's end and is cleared within half a minute then, once, also where the agent
// was down at that time. How far that goes stands in the agent's message before, and does not go back. Asked for again it is
// published, and does not stay.
func TestStatusesAreClearedADayAfterTheEnd(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "first")
		ended := time.Now()
		w.order(bergen, "second")
		w.until(30*time.Second, bergen, "second", "paid")
		if s := w.settledThrough(); s != (message.SettledThrough{}) {
			t.Errorf("nothing was cleared, and it goes through %+v", s)
		}
		time.Sleep(time.Until(ended.Add(aDay - 10*time.Second)))
		w.until(0, oslo, "first", "paid")
		w.restart()
		w.until(0, oslo, "first", "paid")
		time.Sleep(time.Until(ended.Add(aDay + time.Minute)))
		if w.now(oslo, "first").State != "" || w.now(bergen, "second").State != "" || w.clearings("first") != 1 || w.clearings("second") != 1 {
			t.Errorf("after a day: %+v and %+v, cleared %d and %d times", w.now(oslo, "first"), w.now(bergen, "second"), w.clearings("first"), w.clearings("second"))
		}
		through := w.settledThrough()
		if through.Accepted != 2 || through.Commits == 0 {
			t.Errorf("cleared through %+v", through)
		}

		for _, asked := range []func(){
			func() { w.order(oslo, "first") }, // another one by its date: a conflict
			func() { w.send(oslo, "checks", `{"requestId":"c1","target":"first"}`) },
			w.broker.Cut,
			func() { w.restart() },
			func() { time.Sleep(time.Minute) },
		} {
			asked()
			w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" })
			time.Sleep(30 * time.Second)
			if w.now(oslo, "first").State != "" || w.clearings("first") != 1 {
				t.Errorf("it is told retained again: %+v, cleared %d times", w.now(oslo, "first"), w.clearings("first"))
			}
			if s := w.settledThrough(); s.Accepted < through.Accepted || s.Commits < through.Commits {
				t.Errorf("cleared through %+v, before %+v", s, through)
			}
		}
		last := w.broker.Log()
		found := false
		for _, m := range last {
			found = found || !m.Retained && strings.HasSuffix(m.Topic, "/status/first") && strings.Contains(string(m.Payload), `"paid"`)
		}
		if !found {
			t.Error("a check of it was not told its status")
		}
	})
}

// The very same bytes again, long after the end, bring the status unretained, as often as they come.
func TestARepetitionAfterTheClearingIsTold(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.retention(time.Second)
		w.restart()
		payload := `{"requestId":"r","order":` + exampleOrder(time.Now().Format("02 Jan, 2006")) + `}`
		w.send(oslo, "orders", payload)
		w.eventuallyOrFail(func() bool { return w.clearings("r") == 1 })
		for range 3 {
			told := len(w.published("r"))
			w.send(oslo, "orders", payload)
			w.eventuallyOrFail(func() bool { return len(w.published("r")) == told+1 })
			if all := w.broker.Log(); all[len(all)-1].Retained {
				t.Errorf("it was told %+v", all[len(all)-1])
			}
		}
		if s := w.now(oslo, "r"); s.State != "" || w.clearings("r") != 1 {
			t.Errorf("it stays: %+v", s)
		}
	})
}

// What nobody knows the end of stays until a person has settled it, and then as long as anything else; so does a late
// payment, from the day it was found and until it was seen to.
func TestWhatAPersonHasToSeeToStays(t *testing.T) {
	inWorld(t, `doubt_hold = "3m"`, func(w *world) {
		w.retention(time.Hour)
		w.restart()
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, "lost")
		w.until(10*time.Minute, oslo, "lost", "unresolved")
		time.Sleep(3 * time.Hour)
		w.restart()
		w.broker.Stop()
		w.broker.Forget()
		w.broker.Start()
		w.until(30*time.Second, oslo, "lost", "unresolved")
		w.decide("d", "abandon", w.now(oslo, "lost").Revision)
		w.until(10*time.Second, oslo, "lost", "cancelled")
		settled := time.Now()
		time.Sleep(time.Until(settled.Add(time.Hour - 15*time.Second)))
		w.until(0, oslo, "lost", "cancelled")
		time.Sleep(time.Until(settled.Add(time.Hour + 30*time.Second)))
		w.until(0, oslo, "lost", "")
	}, func(o *simulator.Options) { o.Lookups = simulator.LookupsForbidden })

	inWorld(t, "", func(w *world) {
		w.retention(time.Minute)
		w.restart()
		w.order(oslo, "late")
		shown := w.until(10*time.Second, oslo, "late", "awaiting_customer")
		w.send(oslo, "cancels", `{"requestId":"c","target":"late"}`)
		w.until(10*time.Second, oslo, "late", "cancelled")
		time.Sleep(90 * time.Second)
		w.until(0, oslo, "late", "")
		if err := w.sim.SetStatus(shown.OrderUUID, simulator.Paid); err != nil {
			t.Fatal(err)
		}
		w.until(12*time.Minute, oslo, "late", "paid")
		time.Sleep(time.Hour)
		w.restart()
		w.until(0, oslo, "late", "paid")
		w.send(oslo, "resolutions", `{"requestId":"seen","target":"late","outcome":"abandon","by":"Kari"}`)
		w.until(10*time.Second, oslo, "seen", "done")
		time.Sleep(2 * time.Minute)
		w.until(0, oslo, "late", "")
	})
}

// An outage at the time of clearing, a process that died, and a retention that was made longer and shorter again leave no
// status behind.
func TestNoStatusIsForgottenAtTheBroker(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.retention(time.Hour)
		w.restart()
		w.sale(oslo, "a")
		w.broker.Stop()
		time.Sleep(2 * time.Hour)
		w.broker.Start()
		w.eventuallyOrFail(func() bool { return w.now(oslo, "a").State == "" })

		w.sale(oslo, "b")
		w.stop()
		time.Sleep(2 * time.Hour)
		w.start()
		w.eventuallyOrFail(func() bool { return w.now(oslo, "b").State == "" })

		w.retention(100 * time.Hour)
		w.restart()
		w.until(time.Second, oslo, "b", "paid") // it is one of those that stay, then
		time.Sleep(time.Minute)
		w.retention(time.Hour)
		w.restart()
		w.eventuallyOrFail(func() bool { return w.now(oslo, "b").State == "" && w.now(oslo, "a").State == "" })
	})
}
