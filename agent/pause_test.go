package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/monitor"
	"tillpost/mqtt/message"
)

// pause has a person pause a terminal, and returns how it is then.
func (w *world) pause(terminal, by string) message.TerminalInfo {
	w.Helper()
	return w.said(w.a.Pause(context.Background(), terminal, []byte(`{"by":"`+by+`"}`)))
}

func (w *world) resume(terminal, by string) message.TerminalInfo {
	w.Helper()
	return w.said(w.a.Resume(context.Background(), terminal, []byte(`{"by":"`+by+`"}`)))
}

func (w *world) said(v any, err error) message.TerminalInfo {
	w.Helper()
	t, ok := v.(message.TerminalInfo)
	if err != nil || !ok {
		w.Fatalf("answered %v, %v", v, err)
	}
	return t
}

// phase is what a terminal's display shows.
func (w *world) phase(terminal string) string {
	w.Helper()
	raw, _ := w.broker.Retained("tillpost/terminals/" + terminal + "/display")
	var d struct{ Phase string }
	_ = json.Unmarshal(raw, &d)
	return d.Phase
}

func (w *world) untilPhase(within time.Duration, terminal, phase string) {
	w.Helper()
	if !w.eventually(within, func() bool { return w.phase(terminal) == phase }) {
		w.Fatalf("the display of %s shows %q, want %q", terminal, w.phase(terminal), phase)
	}
}

// A paused terminal finishes what is on it and starts nothing, over a restart too; the other one sells on. Resumed, it
// carries out what waited, in order.
func TestPause(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "first")
		w.until(time.Second, oslo, "first", "awaiting_customer")
		if got := w.pause(oslo, "Kari"); got.Paused == nil || got.Paused.By != "Kari" || got.Lane != "busy" || got.UUID != oslo {
			t.Errorf("paused: %+v", got)
		}
		w.order(oslo, "second")
		w.order(oslo, "third")
		w.until(time.Second, oslo, "second", "queued")
		if got := w.phase(oslo); got != "present_card" {
			t.Errorf("with a customer at it the display shows %q", got)
		}
		w.until(10*time.Second, oslo, "first", "paid")
		w.untilWaiting(time.Second, oslo, "second", "paused")
		w.untilWaiting(time.Second, oslo, "third", "behind")
		w.untilPhase(time.Second, oslo, "offline")
		if got := w.pause(oslo, "Ola"); got.Paused == nil || got.Paused.By != "Kari" || got.Lane != "paused" || got.QueueLength != 2 {
			t.Errorf("paused once more: %+v, want it to stay as it is", got)
		}

		w.restart()
		w.untilWaiting(time.Second, oslo, "second", "paused")
		w.untilPhase(time.Second, oslo, "offline")
		w.eventuallyOrFail(func() bool {
			raw, _ := w.broker.Retained("tillpost/terminals")
			return strings.Contains(string(raw), `"queueLength":2,"lane":"paused","paused":{"by":"Kari","since":"`)
		})
		w.order(bergen, "elsewhere")
		w.until(10*time.Second, bergen, "elsewhere", "paid")
		time.Sleep(time.Minute)
		if n := w.creates(); n != 2 {
			t.Fatalf("%d orders were placed, want 2: a paused terminal starts nothing", n)
		}

		if got := w.resume(oslo, "Ola"); got.Paused != nil {
			t.Errorf("resumed: %+v", got)
		}
		w.until(10*time.Second, oslo, "second", "paid")
		if s := w.now(oslo, "third"); s.Final {
			t.Errorf("the third is %+v before the second has ended", s)
		}
		w.until(10*time.Second, oslo, "third", "paid")
		w.untilPhase(time.Second, oslo, "approved")
		w.untilPhase(20*time.Second, oslo, "idle")
		w.restart()
		w.order(oslo, "fourth")
		w.until(10*time.Second, oslo, "fourth", "paid")
	})
}

// What waits at a paused terminal expires and can be cancelled, and the display of an idle one says that it is offline.
func TestPauseLetsEnd(t *testing.T) {
	inWorld(t, "order_ttl = \"1m\"\n", func(w *world) {
		w.pause(oslo, "Kari")
		w.untilPhase(time.Second, oslo, "offline")
		w.order(oslo, "expires")
		w.order(oslo, "unwanted")
		w.untilWaiting(time.Second, oslo, "expires", "paused")
		w.send(oslo, "cancels", `{"requestId":"cancel","target":"unwanted"}`)
		w.until(time.Second, oslo, "unwanted", "cancelled")
		if s := w.until(2*time.Minute, oslo, "expires", "expired"); s.Reason == nil || s.Reason.Code != "expired" {
			t.Errorf("it ended as %+v", s)
		}
		if n := w.creates(); n != 0 {
			t.Errorf("%d orders were placed", n)
		}
		w.untilPhase(time.Minute, oslo, "offline")
		w.resume(oslo, "Kari")
		w.untilPhase(time.Second, oslo, "idle")
	})
}

// What waited to be tried again says that it is paused at once, and waits for the rest of its time once that is over: after a
// busy answer nothing may be sent sooner.
func TestPauseKeepsThePaceOfRepeats(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.BusyReply()})
		w.order(oslo, "busy")
		w.untilWaiting(5*time.Second, oslo, "busy", "terminalIsBusy")
		w.pause(oslo, "Kari")
		w.untilWaiting(0, oslo, "busy", "paused")
		w.resume(oslo, "Kari")
		w.untilWaiting(0, oslo, "busy", "terminalIsBusy")
		if n := w.creates(); n != 1 {
			t.Errorf("%d calls to place the order, want 1 so far", n)
		}
		w.until(5*time.Minute, oslo, "busy", "paid")
	})
}

// Who may be named, and what may be paused, is read strictly.
func TestPausesAreReadStrictly(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.eventuallyOrFail(func() bool { s, _ := w.agentState(); return s == "online" })
		for _, tc := range []struct {
			name, terminal, body string
			status               int
			want                 string
		}{
			{"another terminal", "TRML9", `{"by":"Kari"}`, 404, "unknownTerminal"},
			{"no terminal", "+", `{"by":"Kari"}`, 404, "unknownTerminal"},
			{"nothing", oslo, "", 400, "notJSON"},
			{"no object", oslo, `["Kari"]`, 400, "notJSON"},
			{"a key twice", oslo, `{"by":"Kari","by":"Ola"}`, 400, "duplicateKey"},
			{"an unknown key", oslo, `{"by":"Kari","outcome":"abandon"}`, 422, "/outcome"},
			{"nobody", oslo, `{}`, 422, "/by"},
			{"null", oslo, `{"by":null}`, 422, "/by"},
			{"blanks", oslo, `{"by":"  "}`, 422, "/by"},
			{"a long name", oslo, `{"by":"` + strings.Repeat("a", 101) + `"}`, 422, "/by"},
		} {
			for word, say := range map[string]func(context.Context, string, []byte) (any, error){"pause": w.a.Pause, "resume": w.a.Resume} {
				_, err := say(context.Background(), tc.terminal, []byte(tc.body))
				no, refused := errors.AsType[*monitor.Refusal](err)
				if !refused {
					t.Errorf("%s: %s: not refused: %v", word, tc.name, err)
					continue
				}
				if raw, _ := json.Marshal(no); no.Status != tc.status || !strings.Contains(string(raw), tc.want) {
					t.Errorf("%s: %s: %d %s, want %d and %s", word, tc.name, no.Status, raw, tc.status, tc.want)
				}
			}
		}
	})
}
