package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
	"tillpost/mqtt"
)

// callbacksOn has the API call the agent back.
const callbacksOn = "[callback]\nlisten = \"127.0.0.1:9721\"\npublic_url = \"http://127.0.0.1:9721\"\n"

// orderWith publishes the example order with references of the till's own.
func (w *world) orderWith(terminal, id, referenceNo, customerReference string) {
	w.Helper()
	order := strings.Replace(exampleOrder(time.Now().Format("02 Jan, 2006")),
		`"referenceNo": "","customerReference": "3500"`, fmt.Sprintf(`"referenceNo": %q,"customerReference": %q`, referenceNo, customerReference), 1)
	w.send(terminal, "orders", fmt.Sprintf(`{"requestId":%q,"order":%s}`, id, order))
}

// oneOrder checks that exactly so many orders came to exist.
func (w *world) wantOrders(n int) {
	w.Helper()
	if got := len(w.sim.Orders()); got != n {
		w.Errorf("%d orders exist, want %d", got, n)
	}
}

// TestAPageIsNoLeave: whatever page of a proxy stands in the place of list or details, for a moment or for minutes, a busy terminal is
// not tried again for it.
func TestAPageIsNoLeave(t *testing.T) {
	for _, op := range []simulator.Operation{simulator.OpOrderStatuses, simulator.OpOrderDetails} {
		for _, code := range []int{200, 403, 404, 502} {
			t.Run(fmt.Sprint(op, code), func(t *testing.T) {
				inWorld(t, "", func(w *world) {
					w.sale(bergen, "measures")
					w.foreign(bergen) // so that there is something to look into
					w.sim.Inject(simulator.Fault{Operation: op, Times: -1, For: 4 * time.Minute, Do: simulator.Page(code)})
					w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
					w.order(oslo, "hidden")
					time.Sleep(4 * time.Minute)
					w.until(30*time.Second, oslo, "hidden", "paid")
					w.wantOrders(3)
				})
			})
		}
	}
}

// TestAListThatLags: a busy create is not repeated before the list must show what came of it, and is looked for after the end of
// its second attempt too.
func TestAListThatLags(t *testing.T) {
	for _, lag := range []time.Duration{10 * time.Second, 3 * time.Minute} {
		for _, newest := range []bool{false, true} {
			t.Run(fmt.Sprint(lag, newest), func(t *testing.T) {
				inWorld(t, "", func(w *world) {
					w.sim.SetLag(simulator.Lag{List: lag})
					w.sim.SetNewestFirst(newest)
					w.sale(bergen, "measures")
					time.Sleep(lag + time.Minute)
					w.restart() // what was measured is kept
					w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
					w.order(oslo, "hidden")
					w.until(lag+40*time.Second, oslo, "hidden", "paid")
					w.wantOrders(2)
				})
			})
		}
	}
}

// TestAListThatLagsMoreThanItEverDid: then a second order comes to exist; but whatever was called busy and sent again is looked for
// after its end, and a person knows.
func TestAListThatLagsMoreThanItEverDid(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "measures")
		w.sim.SetLag(simulator.Lag{List: 5 * time.Minute})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
		w.order(oslo, "hidden")
		w.until(time.Minute, oslo, "hidden", "paid")
		if !w.eventually(20*time.Minute, func() bool { _, p := w.agentState(); return slices.Contains(p, "furtherOrderPaid") }) {
			t.Error("nobody is told of the second payment")
		}
	})
}

// TestReferencesThatComeLate: an order whose references are null is not one without a mark.
func TestReferencesThatComeLate(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "measures")
		w.sim.SetLag(simulator.Lag{References: 40 * time.Second})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyButCreated()})
		w.order(oslo, "hidden")
		w.until(time.Minute, oslo, "hidden", "paid")
		w.wantOrders(2)
	})
}

// TestARefusalAfterBusyIsLookedInto: "this exists already" may speak of our own attempt, which was called busy.
func TestARefusalAfterBusyIsLookedInto(t *testing.T) {
	for name, created := range map[string]bool{"created": true, "not created": false} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sim.SetLag(simulator.Lag{List: 8 * time.Second})
				w.sale(bergen, "measures")
				time.Sleep(30 * time.Second)
				busy, want := simulator.BusyReply(), "rejected"
				if created {
					busy, want = simulator.BusyButCreated(), "paid"
					// The search before the repeat comes back in full without it: so far the list has never lagged so long.
					w.sim.SetLag(simulator.Lag{List: 20 * time.Second})
				}
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: busy})
				w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.Refuse(400, "Conflict of Business Logic", "orderProductsNotFound")})
				w.order(oslo, "o")
				s := w.until(3*time.Minute, oslo, "o", want)
				if !slices.Contains(w.states("o"), "in_doubt") {
					t.Errorf("states %v", w.states("o"))
				}
				if !created && s.Reason.Code != "orderProductsNotFound" {
					t.Errorf("reason %+v", s.Reason)
				}
				w.until(5*time.Second, bergen, "measures", "paid")
			})
		})
	}
}

// TestAReplyThatContradictsItself is doubt, whichever side says no.
func TestAReplyThatContradictsItself(t *testing.T) {
	for _, code := range []int{429, 401, 403, 400} {
		for _, side := range []simulator.Side{simulator.BothSides, simulator.SideHTTP, simulator.SideBody} {
			t.Run(fmt.Sprint(code, side), func(t *testing.T) {
				inWorld(t, "", func(w *world) {
					w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.Contradict(code, side, "")})
					w.order(oslo, "o")
					w.until(2*time.Minute, oslo, "o", "paid")
					w.wantOrders(1)
					if n := w.creates(); n != 1 {
						t.Errorf("%d creates", n)
					}
				})
			})
		}
	}
}

// TestAnOutageThatAnswers: a gateway that has a page for everything is no API. It is told as an outage, ends no deadline, and costs only
// the doubts that were under way when it began.
func TestAnOutageThatAnswers(t *testing.T) {
	for _, code := range []int{502, 503, 200} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(bergen, "measures")
				w.sim.Inject(simulator.Fault{Times: -1, For: 40 * time.Minute, Do: simulator.Page(code)})
				for i := range 3 {
					w.order(oslo, fmt.Sprint("o", i))
					w.order(bergen, fmt.Sprint("b", i))
				}
				if !w.eventually(15*time.Second, func() bool { s, p := w.agentState(); return s == "degraded" && slices.Contains(p, "apiUnreachable") }) {
					t.Error("the outage is not told")
				}
				time.Sleep(9 * time.Minute)
				doubts := 0
				for i := range 3 {
					for terminal, id := range map[string]string{oslo: fmt.Sprint("o", i), bergen: fmt.Sprint("b", i)} {
						switch s := w.now(terminal, id); s.State {
						case "in_doubt":
							doubts++
						case "queued":
							if s.Waiting == nil || s.Waiting.Code != "apiUnreachable" && s.Waiting.Code != "behind" {
								t.Errorf("%s waits %+v", id, s.Waiting)
							}
						default:
							t.Errorf("%s is %s", id, s.State)
						}
					}
				}
				if doubts > 2 || w.creates() > 3 {
					t.Errorf("%d doubts, %d creates", doubts, w.creates())
				}
				time.Sleep(30 * time.Minute)
				if states := w.states("o0"); slices.Contains(states, "unresolved") {
					t.Errorf("ended without the API's word: %v", states)
				}
			})
		})
	}
}

// TestARefusedTokenEndsNoDeadline: 401 and 429 are no word on an order.
func TestARefusedTokenEndsNoDeadline(t *testing.T) {
	for name, action := range map[string]simulator.Action{
		"401": simulator.Refuse(401, "Unauthorized", "unauthenticated"), "429": simulator.Refuse(429, "Too Many Requests", "tooManyAttempts"),
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
					t.Fatal(err)
				}
				w.order(oslo, "o")
				w.until(5*time.Second, oslo, "o", "awaiting_customer")
				w.sim.Inject(simulator.Fault{Times: -1, For: 20 * time.Minute, Do: action})
				time.Sleep(20*time.Minute - time.Second)
				if states := w.states("o"); states[len(states)-1] != "awaiting_customer" {
					t.Errorf("states %v", states)
				}
				w.until(10*time.Minute, oslo, "o", "cancelled")
			})
		})
	}
}

// TestResendAfterIsObeyed even where it is shorter than the pace of the polls.
func TestResendAfterIsObeyed(t *testing.T) {
	inWorld(t, "resend_after = \"3s\"\npoll_interval = \"20s\"", func(w *world) {
		if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
			t.Fatal(err)
		}
		w.order(oslo, "o")
		w.until(time.Second, oslo, "o", "awaiting_customer")
		time.Sleep(2900 * time.Millisecond)
		if n := w.sim.Count(simulator.OpResend); n != 0 {
			t.Errorf("%d resends before its time", n)
		}
		time.Sleep(300 * time.Millisecond)
		if n := w.sim.Count(simulator.OpResend); n != 1 {
			t.Errorf("%d resends, want 1", n)
		}
	})
}

// TestFreeTextNamesNobody: what the API writes of a customer in a refund's refusal is told nowhere.
func TestFreeTextNamesNobody(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.Refuse(400, "Conflict", "The customer Ola Hansen in Storgata 7 (ola@post.example) has no account")})
		w.send(oslo, "refunds", `{"requestId":"r","orderRequestId":"o","full":true}`)
		if s := w.until(10*time.Second, oslo, "r", "rejected"); s.Reason.Code != "apiError" || s.Reason.Message == "" {
			t.Errorf("reason %+v", s.Reason)
		}
		told := w.log.String()
		for _, m := range w.broker.Log() {
			told += string(m.Payload)
		}
		for _, word := range []string{"Hansen", "hansen", "Storgata", "ola@"} {
			if strings.Contains(told, word) {
				t.Errorf("%q is told", word)
			}
		}
	})
}

// TestALostOrderAmongManyOthers: with 2,000 orders of other shops since the baseline, and the usual limit of calls, a lost one is found
// within a minute, whichever end of the list is the newest.
func TestALostOrderAmongManyOthers(t *testing.T) {
	for _, newest := range []bool{false, true} {
		for _, later := range []int{0, 40} { // so many come while it is looked for
			t.Run(fmt.Sprint(newest, later), func(t *testing.T) {
				inWorld(t, "", func(w *world) {
					w.sim.SetNewestFirst(newest)
					w.stop()
					w.cfg = strings.Replace(w.cfg, "requests_per_minute = 100000", "requests_per_minute = 180", 1)
					w.start()
					w.sale(bergen, "first")
					time.Sleep(2 * time.Minute)
					others := func(n int) {
						for range n {
							if _, err := w.sim.PlaceElsewhere(simulator.Elsewhere{Terminal: "TRML9", Amount: decimal.MustNew(4200, 2), Status: simulator.Paid, Reference: "other"}); err != nil {
								t.Fatal(err)
							}
						}
					}
					others(2000)
					w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Do: simulator.Page(502)}) // the first look finds nothing
					w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
					w.order(oslo, "lost")
					w.until(5*time.Second, oslo, "lost", "in_doubt")
					others(later)
					w.until(time.Minute, oslo, "lost", "paid")
				})
			})
		}
	}
}

// TestAStartInTheMiddleWaitsForTheAPI: what became of a call that was under way when a process died nobody knows, nor whether the API is there:
// nothing is sent to any terminal before it was heard.
func TestAStartInTheMiddleWaitsForTheAPI(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(bergen, "measures")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.Delay(5 * time.Second)})
		w.order(oslo, "o")
		w.until(5*time.Second, oslo, "o", "sending")
		restore := w.keep()
		w.stop()
		restore() // as a process leaves it that is killed
		w.broker.Forget()
		w.broker.Publish(mqtt.Message{Topic: "tillpost/agent", Payload: []byte(`{"state":"offline","instance":"former"}`), Retained: true})
		w.sim.ClearFaults()
		w.sim.Inject(simulator.Fault{Times: -1, For: time.Minute, Do: simulator.Page(200)})
		creates := w.creates()
		w.start()
		w.until(10*time.Second, oslo, "o", "in_doubt")
		w.order(bergen, "b")
		w.untilWaiting(5*time.Second, bergen, "b", "apiUnreachable")
		time.Sleep(45 * time.Second)
		if n := w.creates() - creates; n != 0 {
			t.Errorf("%d creates though the API was not heard", n)
		}
		w.until(time.Minute, bergen, "b", "paid")
	})
}
