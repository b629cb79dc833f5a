package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/monitor"
	"tillpost/mqtt/message"
)

// move has a person move a request, and returns its status then.
func (w *world) move(id, to, by string) message.Status {
	w.Helper()
	v, err := w.a.Move(context.Background(), id, []byte(`{"to":"`+to+`","by":"`+by+`"}`))
	if err != nil {
		w.Fatalf("answered %v, %v", v, err)
	}
	var s message.Status
	if err := json.Unmarshal([]byte(mustJSON(w.T, v)), &s); err != nil {
		w.Fatal(err)
	}
	return s
}

// unmoved has a person try to, and returns the code of the refusal.
func (w *world) unmoved(id, to string) string {
	w.Helper()
	_, err := w.a.Move(context.Background(), id, []byte(`{"to":"`+to+`","by":"Kari"}`))
	no, refused := errors.AsType[*monitor.Refusal](err)
	if !refused {
		w.Fatalf("moved: %v", err)
	}
	return no.Code
}

// both is a request's status where it waits and where its till listens, which have to agree.
func (w *world) both(id string) status {
	w.Helper()
	here, there := w.now(oslo, id), w.now(bergen, id)
	if a, b := mustJSON(w.T, here), mustJSON(w.T, there); a != b {
		w.Errorf("told at one terminal %s, at the other %s", a, b)
	}
	return here
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// sold lists the terminals at which the API has orders, in the order of their making.
func (w *world) sold() (terminals []string) {
	for _, o := range w.sim.Orders() {
		terminals = append(terminals, o.Terminal)
	}
	return terminals
}

// What waits at a terminal that is out of order is sold at another one, behind what waits there, once, over a restart too. Its
// till hears of it on its own topic.
func TestMove(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.pause(oslo, "Kari")
		w.pause(bergen, "Kari")
		for _, id := range []string{"first", "second"} {
			w.order(oslo, id)
		}
		w.order(bergen, "theirs")
		w.untilWaiting(time.Second, oslo, "first", "paused")
		w.untilWaiting(time.Second, bergen, "theirs", "paused")
		s := w.move("first", bergen, "Kari")
		if s.TerminalUUID != bergen || s.QueuePosition != 2 || s.State != "queued" || s.Revision != 2 || s.Waiting == nil || s.Waiting.Code != "behind" {
			t.Errorf("moved: %+v, waiting %+v", s, s.Waiting)
		}
		if again := w.move("first", bergen, "Ola"); again.Revision != 2 {
			t.Errorf("asked for once more it is at revision %d", again.Revision)
		}
		w.order(bergen, "later")
		w.until(time.Second, bergen, "later", "queued")
		w.untilWaiting(time.Second, oslo, "second", "paused")
		if s := w.both("first"); s.Position != 2 || s.Revision != 2 {
			t.Errorf("told: %+v", s)
		}
		raw, _ := w.broker.Retained("tillpost/terminals/" + oslo + "/status/first")
		if !strings.Contains(string(raw), `"terminalUuid":"`+bergen+`"`) {
			t.Errorf("its till is told %s", raw)
		}
		w.restart()
		w.eventuallyOrFail(func() bool { return w.now(bergen, "later").Position == 3 })
		if s := w.both("first"); s.Position != 2 {
			t.Errorf("after a restart: %+v", s)
		}
		w.resume(bergen, "Kari")
		for _, id := range []string{"theirs", "first", "later"} {
			w.until(10*time.Second, bergen, id, "paid")
		}
		if s := w.both("first"); !s.Final || s.OrderUUID == "" {
			t.Errorf("ended: %+v", s)
		}
		if got := w.sold(); !slices.Equal(got, []string{bergen, bergen, bergen}) {
			t.Errorf("sold at %q", got)
		}
		history := mustJSON(t, must2(w.a.Request("first")))
		if !strings.Contains(history, `"event":"Moved","by":"Kari","to":"`+bergen+`"`) {
			t.Errorf("its history is %s", history)
		}
		w.resume(oslo, "Kari")
		w.until(10*time.Second, oslo, "second", "paid")
	})
}

func must2(v any, ok bool, err error) any {
	if err != nil || !ok {
		return err
	}
	return v
}

// The till that asked goes on to use its own topic: the same request published again is the same, a cancel and a check are taken.
func TestMovedStaysItsTills(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.pause(oslo, "Kari")
		w.pause(bergen, "Kari")
		w.order(oslo, "moved")
		w.untilWaiting(time.Second, oslo, "moved", "paused")
		w.move("moved", bergen, "Kari")
		before := len(w.published("moved"))
		w.order(oslo, "moved")
		w.eventuallyOrFail(func() bool { return len(w.published("moved")) >= before+2 })
		if s := w.both("moved"); s.State != "queued" || len(w.rejects()) != 0 {
			t.Errorf("published again: %+v, rejects %q", s, w.rejects())
		}
		w.order(bergen, "moved")
		w.eventuallyOrFail(func() bool { return slices.Equal(w.rejects(), []string{"requestIdConflict"}) })
		w.send(oslo, "checks", `{"requestId":"check","target":"moved"}`)
		w.until(time.Second, oslo, "check", "done")
		w.send(oslo, "resends", `{"requestId":"resend","target":"moved"}`)
		w.eventuallyOrFail(func() bool { return slices.Contains(w.rejects(), "unknownTarget") })
		w.send(oslo, "cancels", `{"requestId":"cancel","target":"moved"}`)
		w.until(time.Second, oslo, "cancel", "done")
		if s := w.both("moved"); s.State != "cancelled" {
			t.Errorf("cancelled: %+v", s)
		}
		if n := w.creates(); n != 0 {
			t.Errorf("%d orders were placed", n)
		}
	})
}

// Only what was never sent is moved; who asks for anything else is told why.
func TestWhatIsNotMoved(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "sold")
		w.until(time.Second, oslo, "sold", "awaiting_customer")
		w.order(oslo, "waits")
		w.until(time.Second, oslo, "waits", "queued")
		w.send(oslo, "cancels", `{"requestId":"cancel","target":"waits"}`)
		w.until(time.Second, oslo, "cancel", "done")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyReply()})
		w.order(bergen, "busy")
		w.untilWaiting(5*time.Second, bergen, "busy", "terminalIsBusy")
		w.pause(bergen, "Kari")
		w.order(bergen, "here")
		w.until(time.Second, bergen, "here", "queued")
		for _, tc := range []struct{ id, to, want string }{
			{"sold", bergen, "awaiting_customer"},
			{"waits", bergen, "cancelled"},
			{"cancel", bergen, "done"},
			{"busy", oslo, "terminalIsBusy"},
			{"here", bergen, "queued"},
			{"here", "TRML9", "unknownTerminal"},
			{"nobody", bergen, "unknownTarget"},
		} {
			if got := w.unmoved(tc.id, tc.to); got != tc.want {
				t.Errorf("%s to %s: refused with %s, want %s", tc.id, tc.to, got, tc.want)
			}
		}
		for _, body := range []string{`{"by":"Kari"}`, `{"to":"","by":"Kari"}`, `{"to":7,"by":"Kari"}`, `{"to":"` + oslo + `"}`, `{"to":"` + oslo + `","by":" "}`, `{"to":"` + oslo + `","by":"Kari","at":1}`} {
			_, err := w.a.Move(context.Background(), "here", []byte(body))
			if no, refused := errors.AsType[*monitor.Refusal](err); !refused || no.Status != 422 || no.Reason == nil {
				t.Errorf("%s: %v", body, err)
			}
		}
		w.resume(bergen, "Kari")
		w.until(time.Minute, bergen, "busy", "paid")
		w.until(time.Minute, bergen, "here", "paid")
	})
}

// During an outage nothing leaves, so what was tried is moved too. Its time to live ends where it waits, and its statuses are
// cleared wherever they were published.
func TestMovedDuringAnOutage(t *testing.T) {
	inWorld(t, "order_ttl = \"2m\"\n", func(w *world) {
		w.stop()
		w.retention(time.Hour)
		w.start()
		w.down(true)
		w.order(oslo, "sells")
		w.order(oslo, "expires")
		w.untilWaiting(15*time.Second, oslo, "sells", "apiUnreachable")
		w.pause(bergen, "Kari")
		w.move("sells", bergen, "Kari")
		w.move("expires", bergen, "Kari")
		w.move("sells", oslo, "Ola") // behind nobody
		w.down(false)
		w.until(time.Minute, oslo, "sells", "paid")
		w.until(2*time.Minute, bergen, "expires", "expired")
		if s := w.both("expires"); s.State != "expired" {
			t.Errorf("its till is told %+v", s)
		}
		if got := w.sold(); !slices.Equal(got, []string{oslo}) {
			t.Errorf("sold at %q", got)
		}
		time.Sleep(2 * time.Hour)
		w.eventuallyOrFail(func() bool {
			for _, terminal := range []string{oslo, bergen} {
				for _, id := range []string{"sells", "expires"} {
					if raw, there := w.broker.Retained("tillpost/terminals/" + terminal + "/status/" + id); there && len(raw) > 0 {
						return false
					}
				}
			}
			return true
		})
	})
}

// A refund that waits for its order moves too, and comes to its turn where it is moved to.
func TestMovedRefund(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.pause(oslo, "Kari")
		w.order(oslo, "sale")
		w.send(bergen, "refunds", `{"requestId":"refund","orderRequestId":"sale","full":true}`)
		w.untilWaiting(time.Second, bergen, "refund", "waitingForOrder")
		w.move("refund", oslo, "Kari")
		w.resume(oslo, "Kari")
		w.until(10*time.Second, oslo, "sale", "paid")
		w.until(30*time.Second, bergen, "refund", "refunded")
		w.both("refund")
	})
}
