package agent_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/mqtt"
)

// A till repeats until it has seen queued, which may be days after the request was taken; the day, the list of terminals
// and the record of the target may be others by then.
func TestARepetitionIsNotJudgedAgain(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.cfg = strings.Replace(w.cfg, "[outbox]\n", "[outbox]\nretention = \"24h\"\n", 1)
		w.restart()
		order := fmt.Sprintf(`{"requestId":"s1","order":%s}`, exampleOrder(time.Now().Format("02 Jan, 2006")))
		refund := `{"requestId":"r1","orderRequestId":"s1","full":true}`
		w.send(oslo, "orders", order)
		w.until(10*time.Second, oslo, "s1", "paid")
		w.send(oslo, "refunds", refund)
		w.until(20*time.Second, oslo, "r1", "refunded")
		time.Sleep(72 * time.Hour)
		if s := w.now(oslo, "s1"); s.State != "" {
			t.Errorf("the record was not pruned: %+v", s)
		}
		for id, again := range map[string]func(){
			"s1": func() { w.send(oslo, "orders", order) },
			"r1": func() { w.send(oslo, "refunds", refund) },
		} {
			before := len(w.published(id))
			again()
			w.eventuallyOrFail(func() bool { return len(w.published(id)) > before })
			if told := w.published(id)[before]; !strings.Contains(told, `"final":true`) || strings.Contains(told, "rejected") {
				t.Errorf("repeated: told %s", told)
			}
		}
		if r := w.rejects(); len(r) > 0 {
			t.Errorf("refused: %v", r)
		}
	})
}

// An id that is taken is a conflict whatever else the second message is about, and its status stands.
func TestATakenIDIsAConflictFirst(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "s1")
		for i, again := range []struct{ terminal, kind, payload string }{
			{oslo, "checks", `{"requestId":"s1","target":"unheard"}`},
			{bergen, "refunds", `{"requestId":"s1","orderRequestId":"unheard","full":true}`},
			{"TRML-nowhere", "checks", `{"requestId":"s1","orderUuid":"ODR1"}`},
			{oslo, "orders", `{"requestId":"s1","order":{"products":[]}}`},
			{bergen, "orders", `{"requestId":"s1","order":{"terminalUuid":"` + oslo + `",` + exampleOrder("20 Nov, 2099")[1:] + `}`},
			{oslo, "checks", `{"requestId":"s1","orderUuid":"\u0000"}`},
		} {
			told := len(w.published("s1"))
			w.send(again.terminal, again.kind, again.payload)
			w.eventuallyOrFail(func() bool { return len(w.rejects()) == i+1 })
			if r := w.rejects()[i]; r != "requestIdConflict" {
				t.Errorf("%s: refused as %s", again.payload, r)
			}
			if n := len(w.published("s1")); n != told {
				t.Errorf("%s: a status was told: %s", again.payload, w.published("s1")[n-1])
			}
		}
	})
}

// What is refused has a status where it has an id, a message of no kind too.
func TestAnUnknownKindHasAStatus(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "s1")
		told := len(w.published("s1"))
		for _, id := range []string{"s1", "k1"} {
			w.send(oslo, "payments", fmt.Sprintf(`{"requestId":%q}`, id))
		}
		w.eventuallyOrFail(func() bool { return len(w.rejects()) == 2 && len(w.published("k1")) == 1 })
		var s map[string]any
		if err := json.Unmarshal([]byte(w.published("k1")[0]), &s); err != nil {
			t.Fatal(err)
		}
		if reason, _ := s["reason"].(map[string]any); s["state"] != "rejected" || s["final"] != true || reason["code"] != "unknownKind" || reason["errors"] == nil {
			t.Errorf("told %v", s)
		}
		if _, has := s["kind"]; has {
			t.Errorf("it has the kind %q", s["kind"])
		}
		if w.now(oslo, "k1").State != "" {
			t.Error("the refusal is retained")
		}
		if n := len(w.published("s1")); n != told {
			t.Error("the taken id has another status")
		}
	})
}

// Messages that come together are judged as if they came one by one.
func TestARefusalBesideItsNamesake(t *testing.T) {
	inWorld(t, "", func(w *world) {
		for range 20 {
			w.order(oslo, "s1")
			w.send(oslo, "orders", `{"requestId":"s1"}`)
			w.order("TRML-nowhere", "s1")
		}
		w.until(10*time.Second, oslo, "s1", "paid")
		for _, told := range w.published("s1") {
			if strings.Contains(told, "rejected") {
				t.Fatalf("told %s", told)
			}
		}
		for _, r := range w.rejects() {
			if r != "requestIdConflict" {
				t.Fatalf("refused as %s", r)
			}
		}
	})
}

// What waits beside the lanes, a check or a refund whose order is elsewhere, is next to nothing.
func TestWhatDoesNotQueueHasNoPosition(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(bergen, simulator.Pay(time.Minute)); err != nil {
			t.Fatal(err)
		}
		w.order(bergen, "slow")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"slow","full":true}`)
		w.untilWaiting(5*time.Second, oslo, "r1", "waitingForOrder")
		w.clock.unknown.Store(true)
		w.down(true)
		w.send(oslo, "checks", `{"requestId":"c1","orderUuid":"ODR1","ttlSeconds":1}`)
		w.untilWaiting(10*time.Second, oslo, "c1", "clockUnknown")
		w.order(oslo, "next")
		w.untilWaiting(10*time.Second, oslo, "next", "apiUnreachable")
		for id, want := range map[string]int{"r1": 0, "c1": 0, "next": 1} {
			if s := w.now(oslo, id); s.Position != want {
				t.Errorf("%s has position %d, want %d", id, s.Position, want)
			}
		}
		w.down(false)
	})
}

// A check may ask for anything that was seen; what has no order has its status published again.
func TestACheckOfWhatHasNoOrder(t *testing.T) {
	inWorld(t, "", func(w *world) {
		uuid := w.sale(oslo, "s1")
		w.send(oslo, "cancels", `{"requestId":"c1","target":"s1"}`)
		w.until(5*time.Second, oslo, "c1", "rejected")
		w.send(oslo, "cancels", fmt.Sprintf(`{"requestId":"c2","orderUuid":%q,"type":"payment"}`, uuid))
		w.until(5*time.Second, oslo, "c2", "rejected")
		w.send(oslo, "checks", `{"requestId":"k1","target":"s1"}`)
		w.until(5*time.Second, oslo, "k1", "done")
		calls := w.sim.Count(simulator.OpPaymentStatus)
		for of, state := range map[string]string{"c1": "rejected", "c2": "rejected", "k1": "done"} {
			told := len(w.published(of))
			w.send(oslo, "checks", fmt.Sprintf(`{"requestId":"of-%s","target":%q}`, of, of))
			if s := w.until(5*time.Second, oslo, "of-"+of, "done"); s.Reason == nil || s.Reason.Code != state {
				t.Errorf("%s: %+v", of, s.Reason)
			}
			if now := w.published(of); len(now) != told+1 || now[told] != now[told-1] {
				t.Errorf("%s: told %v", of, now)
			}
		}
		if n := w.sim.Count(simulator.OpPaymentStatus); n != calls {
			t.Errorf("%d calls were made", n-calls)
		}
	})
}

// The cure for a retained request, an empty retained message, is no fault: nothing is published of it, and nothing counted. An
// external broker passes it on as an empty message.
func TestTheCureForARetainedRequestIsNoFault(t *testing.T) {
	inWorld(t, "", func(w *world) {
		topic := "tillpost/terminals/" + oslo + "/orders"
		w.stop()
		w.broker.Publish(mqtt.Message{Topic: topic, Payload: []byte(`{"requestId":"kept","order":{}}`), Retained: true})
		w.start()
		w.eventuallyOrFail(func() bool { return slices.Contains(w.rejects(), "retainedRequest") })
		refused := len(w.rejects())
		w.broker.Publish(mqtt.Message{Topic: topic, Retained: true})
		w.send(oslo, "refunds", "")
		w.send(oslo, "orders", " ")
		w.eventuallyOrFail(func() bool { return len(w.rejects()) > refused })
		w.restart()
		w.sale(oslo, "good")
		if got := w.rejects()[refused:]; len(got) != 1 || got[0] != "notJSON" {
			t.Errorf("refused were %v", got)
		}
	})
}
