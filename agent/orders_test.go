package agent_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

func TestOrderIsPaid(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "sale-1")
		w.until(10*time.Second, oslo, "sale-1", "paid")
		want := []string{"queued", "sending", "awaiting_customer", "paid"}
		if got := w.states("sale-1"); !slices.Equal(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
		orders := w.sim.Orders()
		if len(orders) != 1 {
			t.Fatalf("%d orders at the API, want 1", len(orders))
		}
		var sent, got map[string]any
		dec := func(raw string, v any) {
			d := json.NewDecoder(strings.NewReader(raw))
			d.UseNumber()
			if err := d.Decode(v); err != nil {
				t.Fatal(err)
			}
		}
		dec(exampleOrder(time.Now().Format("02 Jan, 2006")), &sent)
		dec(string(orders[0].Body), &got)
		sent["terminalUuid"] = oslo
		mark := got["invoiceReferences"].(map[string]any)["referenceNo"].(string)
		if len(mark) < 20 {
			t.Errorf("the mark is %q", mark)
		}
		sent["invoiceReferences"].(map[string]any)["referenceNo"] = mark
		if a, b := fmt.Sprint(sent), fmt.Sprint(got); a != b {
			t.Errorf("the API got\n%s\nwant\n%s", b, a)
		}
	})
}

func TestOneLaneWaitsForItsCustomerAndNoOther(t *testing.T) {
	inWorld(t, "", func(w *world) {
		for i := range 5 {
			w.order(oslo, fmt.Sprintf("o-%d", i))
		}
		w.order(bergen, "b-0")
		w.until(5*time.Second, bergen, "b-0", "paid")
		w.until(time.Minute, oslo, "o-4", "paid")
		var seq []string
		for _, o := range w.sim.Orders() {
			if o.Terminal == oslo {
				seq = append(seq, o.UUID)
			}
		}
		for i := range 5 {
			if got := w.now(oslo, fmt.Sprintf("o-%d", i)).OrderUUID; got != seq[i] {
				t.Errorf("o-%d is order %s, want %s: not in order", i, got, seq[i])
			}
		}
	})
}

func TestRepeatsAndConflicts(t *testing.T) {
	inWorld(t, "", func(w *world) {
		for range 11 {
			w.order(oslo, "twice")
		}
		w.until(10*time.Second, oslo, "twice", "paid")
		w.restart()
		w.order(oslo, "twice")
		w.order(bergen, "twice")
		if !w.eventually(5*time.Second, func() bool { return slices.Contains(w.rejects(), "requestIdConflict") }) {
			t.Errorf("no conflict told: %v", w.rejects())
		}
		if n := len(w.sim.Orders()); n != 1 {
			t.Errorf("%d orders, want 1", n)
		}
	})
}

func TestDeclined(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(oslo, simulator.Decline(time.Second)); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "no")
		s := w.until(10*time.Second, oslo, "no", "declined")
		if s.Reason == nil || s.Reason.Code != "declined" {
			t.Errorf("reason %+v", s.Reason)
		}
	})
}

func TestCustomerWalksAway(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "gone")
		w.order(oslo, "next")
		w.until(10*time.Second, oslo, "gone", "awaiting_customer")
		time.Sleep(4*time.Minute + 50*time.Second)
		w.until(0, oslo, "gone", "awaiting_customer")
		s := w.until(30*time.Second, oslo, "gone", "cancelled")
		if s.Reason == nil || s.Reason.Code != "customerTimeout" {
			t.Errorf("reason %+v", s.Reason)
		}
		w.until(30*time.Second, oslo, "next", "paid")
	})
}

func TestBusyTerminalIsWaitedOut(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetBusyFor(oslo, 40*time.Second); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "busy")
		w.order(bergen, "free")
		w.untilWaiting(5*time.Second, oslo, "busy", "terminalIsBusy")
		w.until(5*time.Second, bergen, "free", "paid")
		w.until(2*time.Minute, oslo, "busy", "paid")
		if n := len(w.sim.Orders()); n != 2 {
			t.Errorf("%d orders, want 2", n)
		}
	})
}

func TestOutageCostsNothingButTime(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.down(true)
		w.order(oslo, "kept")
		w.untilWaiting(5*time.Second, oslo, "kept", "apiUnreachable")
		if !w.eventually(12*time.Second, func() bool { s, p := w.agentState(); return s == "degraded" && slices.Contains(p, "apiUnreachable") }) {
			t.Errorf("the agent does not tell of the outage")
		}
		time.Sleep(3 * time.Minute)
		if s := w.now(oslo, "kept"); s.Revision != 1 {
			t.Errorf("an outage cost %d writes", s.Revision-1)
		} else if n := s.Waiting.Attempts; n < 12 { // every 15 seconds at least
			t.Errorf("tried %d times in three minutes", n)
		}
		w.down(false)
		w.until(30*time.Second, oslo, "kept", "paid")
		if !w.eventually(5*time.Second, func() bool { s, _ := w.agentState(); return s == "online" }) {
			t.Errorf("the agent is not online again")
		}
	})
}

func TestExpiresWithinASecond(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.down(true)
		for i := range 3 {
			w.order(oslo, fmt.Sprintf("old-%d", i))
		}
		time.Sleep(10*time.Minute - 100*time.Millisecond)
		w.until(0, oslo, "old-2", "queued")
		for i := range 3 {
			w.until(1100*time.Millisecond, oslo, fmt.Sprintf("old-%d", i), "expired")
		}
	})
}

func TestLostReplyIsFoundByItsMark(t *testing.T) {
	for name, action := range map[string]simulator.Action{
		"dropped": simulator.DropAfter(), "half": simulator.HalfReply(), "html": simulator.Unreadable(simulator.GarbageHTML),
		"empty": simulator.Unreadable(simulator.GarbageEmpty), "huge": simulator.Unreadable(simulator.GarbageHuge),
		"invalid": simulator.Unreadable(simulator.GarbageInvalidJSON), "busy but created": simulator.BusyButCreated(),
		"510": {Kind: simulator.KindStatus, Code: 510, Body: "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: action})
				w.order(oslo, "lost")
				if name == "510" { // nothing was created: nobody may send again but a person
					w.until(5*time.Second, oslo, "lost", "in_doubt")
					w.untilWaiting(3*time.Minute, oslo, "lost", "needs_staff")
					w.until(11*time.Minute, oslo, "lost", "unresolved")
					if n := w.sim.Count(simulator.OpCreate); n != 1 {
						t.Errorf("%d creates, want 1", n)
					}
					return
				}
				within := time.Minute
				if name == "busy but created" {
					within = 3 * time.Minute // until the list's lag is known, it may lag for as long as a doubt is looked into
				}
				w.until(within, oslo, "lost", "paid")
				if n := len(w.sim.Orders()); n != 1 {
					t.Errorf("%d orders, want 1", n)
				}
			})
		})
	}
}

func TestDoubtIsSearchedAtOnce(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
		w.order(oslo, "lost")
		w.until(100*time.Millisecond, oslo, "lost", "awaiting_customer")
		if state, problems := w.agentState(); state != "online" {
			t.Errorf("one lost reply makes the agent %s: %v", state, problems)
		}
	})
}

func TestUnauthorizedStopsSendingNotQueueing(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.eventuallyOrFail(func() bool { s, _ := w.agentState(); return s == "online" })
		w.sim.SetToken("other")
		w.order(oslo, "one")
		w.untilWaiting(10*time.Second, oslo, "one", "unauthorized")
		w.order(bergen, "two")
		w.untilWaiting(10*time.Second, bergen, "two", "unauthorized")
		w.untilProblem("unauthorized")
		w.sim.SetToken(token)
		w.until(10*time.Second, oslo, "one", "paid")
		w.until(10*time.Second, bergen, "two", "paid")
	})
}

// A token that can't be read looks like one that is refused, but the problem says what it is.
func TestLostTokenIsToldForWhatItIs(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.eventuallyOrFail(func() bool { s, _ := w.agentState(); return s == "online" })
		t.Setenv("TILLPOST_API_TOKEN", "")
		time.Sleep(10 * time.Second)
		w.order(oslo, "one")
		w.untilWaiting(10*time.Second, oslo, "one", "unauthorized")
		w.untilProblem("unauthorized")
		if raw, _ := w.broker.Retained("tillpost/agent"); !strings.Contains(string(raw), "no API token: set api.token_file") {
			t.Errorf("told %s", raw)
		}
		t.Setenv("TILLPOST_API_TOKEN", token)
		w.until(10*time.Second, oslo, "one", "paid")
	})
}

func TestLatePaymentIsNeverSwallowed(t *testing.T) {
	inWorld(t, "", func(w *world) {
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "late")
		s := w.until(7*time.Minute, oslo, "late", "cancelled")
		if err := w.sim.SetStatus(s.OrderUUID, simulator.Paid); err != nil {
			t.Fatal(err)
		}
		s = w.until(2*time.Minute, oslo, "late", "paid")
		if !s.Late {
			t.Error("paid, but not late")
		}
		w.untilProblem("latePayment")
		w.send(oslo, "resolutions", `{"requestId":"seen","target":"late","outcome":"adopt","orderUuid":"`+s.OrderUUID+`","by":"Kari"}`)
		w.until(5*time.Second, oslo, "seen", "done")
		w.until(0, oslo, "late", "paid")
		w.eventuallyOrFail(func() bool { state, _ := w.agentState(); return state == "online" })
	})
}

func TestUnknownTerminalIsTold(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.eventuallyOrFail(func() bool { s, _ := w.agentState(); return s == "online" })
		w.order("TRML-nowhere", "x")
		w.eventuallyOrFail(func() bool { return slices.Contains(w.rejects(), "unknownTerminal") })
		told := strings.Join(w.published("x"), "")
		if !strings.Contains(told, oslo) || !strings.Contains(told, "rejected") {
			t.Errorf("told %s", told)
		}
	})
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "private")
		w.until(10*time.Second, oslo, "private", "paid")
		for _, secret := range []string{token, "Nordmann", "46567468", "customer@email.com", "Luramyrveien"} {
			if strings.Contains(w.log.String(), secret) {
				t.Errorf("the log holds %q", secret)
			}
		}
		for _, m := range w.broker.Log() {
			if strings.Contains(m.Topic, "/orders") {
				continue
			}
			if strings.Contains(string(m.Payload), "Nordmann") {
				t.Errorf("%s holds a name", m.Topic)
			}
		}
	})
}
