package agent_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/mqtt"
)

// Two agents start in the same moment on copies of one outbox, as when both machines get their power back: at most one of
// them sends, and both find the other. With one client id they throw each other out; with two, both stay.
func TestTwinsThatStartAtOnce(t *testing.T) {
	for _, c := range []struct {
		name              string
		clients           []string
		forgets, takeover bool
		apart             time.Duration
	}{
		{name: "one client id", clients: []string{"tillpost", "tillpost"}},
		{name: "one client id, a millisecond apart", clients: []string{"tillpost", "tillpost"}, apart: time.Millisecond},
		{name: "one client id, wills told", clients: []string{"tillpost", "tillpost"}, takeover: true},
		{name: "one client id, nothing retained", clients: []string{"tillpost", "tillpost"}, forgets: true},
		{name: "two client ids", clients: []string{"tillpost", "other"}},
		{name: "two client ids, nothing retained", clients: []string{"tillpost", "other"}, forgets: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.broker.TakeoverWills(c.takeover)
				w.stopWithThree()
				w.down(false)
				if c.forgets {
					w.broker.Publish(mqtt.Message{Topic: "tillpost/agent", Retained: true})
				}
				twin := w.twin()
				w.client, twin.client = c.clients[0], c.clients[1]
				w.launch()
				time.Sleep(c.apart)
				twin.launch()
				time.Sleep(time.Minute)
				synctest.Wait()
				w.bothStopped(twin)
				twin.stop()
			})
		})
	}
}

// muteBus is a bus whose words are under way for a while.
type muteBus struct {
	mqtt.Bus
	late time.Duration
}

func (b *muteBus) Publish(m mqtt.Message) mqtt.Token {
	t, decide := mqtt.NewToken()
	time.AfterFunc(b.late, func() {
		sent := b.Bus.Publish(m)
		<-sent.Done()
		decide(sent.Wait(context.Background()))
	})
	return t
}

// Nothing is sent before our own announcement stands at the broker: until then, another one that has begun would not find it.
func TestNothingIsSentBeforeOurWordStands(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.down(true)
		w.order(oslo, "o")
		w.until(5*time.Second, oslo, "o", "queued")
		w.stop()
		w.down(false)
		w.bus = func(b mqtt.Bus) mqtt.Bus { return &muteBus{b, 7 * time.Second} }
		w.launch()
		time.Sleep(7*time.Second - 50*time.Millisecond)
		if n := w.creates(); n > 0 {
			t.Errorf("%d creates before", n)
		}
		w.eventuallyWithin(time.Second, func() bool { return w.creates() == 1 })
	})
}

// A broker whose access list hides the agent's topic costs two seconds at the start.
func TestABrokerThatHidesOurWord(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		w.deaf = true
		w.start()
		w.order(oslo, "o")
		time.Sleep(2*time.Second - 50*time.Millisecond)
		if n := w.creates(); n > 0 {
			t.Errorf("%d creates before", n)
		}
		w.eventuallyWithin(time.Second, func() bool { return w.creates() == 1 })
	})
}

// stopWithThree stops the agent with three open orders, of which none has been sent. The API stays away.
func (w *world) stopWithThree() {
	w.Helper()
	w.down(true)
	for i := range 3 {
		w.order(oslo, fmt.Sprintf("open-%d", i))
	}
	w.until(5*time.Second, oslo, "open-2", "queued")
	w.stop()
}

// bothStopped checks that neither of two agents sends any more, and that they sent none of the three orders twice.
func (w *world) bothStopped(twin *world) {
	w.Helper()
	for name, x := range map[string]*world{"first": w, "twin": twin} {
		if !strings.Contains(x.log.String(), "an operator is needed") {
			w.Errorf("the %s goes on:\n%s", name, x.log)
		}
	}
	if n := w.creates(); n > 3 {
		w.Errorf("%d creates for three requests", n)
	}
}

// twin copies the stopped agent's outbox to another machine.
func (w *world) twin() *world {
	w.Helper()
	x := &world{T: w.T, sim: w.sim, broker: w.broker, ln: w.ln, clock: w.clock, dir: w.TempDir(), log: &syncBuffer{}}
	x.cfg = strings.Replace(w.cfg, w.outbox(), x.outbox(), 1)
	files, err := filepath.Glob(w.outbox() + "*")
	if err != nil || len(files) < 2 {
		w.Fatal(files, err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err == nil {
			err = os.WriteFile(filepath.Join(x.dir, filepath.Base(f)), raw, 0o600)
		}
		if err != nil {
			w.Fatal(err)
		}
	}
	return x
}
