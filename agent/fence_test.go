package agent_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent/config"
	"tillpost/agent/fence"
	"tillpost/api/simulator"
	"tillpost/mqtt"
	"tillpost/outbox/bolt"
)

func (w *world) outbox() string { return filepath.Join(w.dir, "outbox.db") }

// word is the agent's retained message.
type word struct {
	State      string        `json:"state"`
	Since      string        `json:"since"`
	Instance   string        `json:"instance"`
	Generation uint64        `json:"generation"`
	Problems   []toldProblem `json:"problems"`
}

type toldProblem struct{ Code, Message string }

func (w *world) word() (s word) {
	raw, _ := w.broker.Retained("tillpost/agent")
	if err := json.Unmarshal(raw, &s); err != nil {
		w.Fatal(err)
	}
	return s
}

// says publishes what another agent says of itself.
func (w *world) says(other word, retained bool) {
	w.Helper()
	raw, err := json.Marshal(other)
	if err != nil {
		w.Fatal(err)
	}
	w.broker.Publish(mqtt.Message{Topic: "tillpost/agent", Payload: raw, Retained: retained})
}

// accept is what an operator does while the agent is stopped; it tells what was accepted.
func (w *world) accept() (codes []string) {
	w.Helper()
	cfg, err := config.Parse("test.toml", []byte(w.cfg))
	if err != nil {
		w.Fatal(err)
	}
	s, err := bolt.Open(w.outbox(), bolt.Options{Now: w.clock.Now})
	if err != nil {
		w.Fatal(err)
	}
	list, err := fence.ToAccept(s, cfg)
	if err == nil {
		err = fence.Accept(context.Background(), s, cfg, list, "Kari", time.Now())
	}
	journal, e := fence.Accepted(s)
	if err != nil || e != nil {
		w.Fatal(err, e)
	}
	for i, a := range list {
		codes = append(codes, string(a.Code))
		if kept := journal[len(journal)-len(list)+i]; kept.By != "Kari" || kept.Code != a.Code || kept.At.IsZero() {
			w.Errorf("the journal says %+v", kept)
		}
		if strings.Contains(a.Message, "tillpost outbox accept") || a.Means == "" {
			w.Errorf("told the operator %+v", a)
		}
	}
	if left, err := fence.ToAccept(s, cfg); err != nil || len(left) > 0 {
		w.Errorf("left to accept: %v, %v", left, err)
	}
	if err := s.Close(); err != nil {
		w.Fatal(err)
	}
	return codes
}

// creates counts the orders that the API was asked for.
func (w *world) creates() int { return w.sim.Count(simulator.OpCreate) }

func (w *world) down(is bool) {
	w.Helper()
	if err := w.sim.SetDown(is); err != nil {
		w.Fatal(err)
	}
	synctest.Wait() // connections that stood ready are seen to be gone
}

func (w *world) problemWords(code string) string {
	for _, p := range w.word().Problems {
		if p.Code == code {
			return p.Message
		}
	}
	return ""
}

// What the broker knows of a newer copy stops an older one before it has sent anything, and for good.
func TestOlderCopyIsNoticedAtTheBroker(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "before")
		w.until(10*time.Second, oslo, "before", "paid")
		w.down(true)
		w.order(oslo, "open-1")
		w.order(oslo, "open-2")
		w.until(5*time.Second, oslo, "open-2", "queued")
		w.stop()
		newer := w.word()
		newer.Generation += 5
		newer.Since = "2026-11-19T08:00:00.000Z"
		w.says(newer, true)
		w.down(false)
		sent := w.creates()

		w.start()
		w.until(5*time.Second, oslo, "open-1", "in_doubt")
		w.until(5*time.Second, oslo, "open-2", "in_doubt")
		w.untilProblem("outboxRolledBack")
		if text := w.problemWords("outboxRolledBack"); !strings.Contains(text, "older copy") || !strings.Contains(text, "tillpost outbox accept") {
			t.Errorf("told: %s", text)
		}
		w.order(bergen, "after")
		w.untilWaiting(5*time.Second, bergen, "after", "outboxRolledBack")
		w.restart()
		w.untilProblem("outboxRolledBack")
		w.untilWaiting(5*time.Second, bergen, "after", "outboxRolledBack")
		if w.creates() != sent {
			t.Error("an older copy has created an order")
		}

		w.stop()
		if got := w.accept(); !slices.Equal(got, []string{"outboxRolledBack"}) {
			t.Errorf("accepted %v", got)
		}
		w.start()
		w.until(5*time.Second, bergen, "after", "awaiting_customer")
		if g := w.word().Generation; g <= newer.Generation {
			t.Errorf("the accepted copy has generation %d, no newer than %d", g, newer.Generation)
		}
	})
}

// Nor does it send before there is a broker to ask, as when all machines of a shop start at once.
func TestOlderCopyWaitsForTheBroker(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.down(true)
		w.order(oslo, "open")
		w.until(5*time.Second, oslo, "open", "queued")
		w.stop()
		newer := w.word()
		newer.Generation++
		newer.Since = "2026-11-19T08:00:00.000Z"
		w.says(newer, true)
		w.down(false)
		w.broker.Stop()
		time.AfterFunc(25*time.Second, w.broker.Start)
		w.start()
		w.until(5*time.Second, oslo, "open", "in_doubt")
		if n := w.creates(); n > 0 {
			t.Errorf("%d creates", n)
		}
	})
}

// A sound restart, in order or not, holds nothing back for longer than a moment.
func TestOwnFormerWordIsNoOther(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		last := w.word()
		last.State = "online" // as after a power cut
		w.says(last, true)
		w.start()
		w.order(oslo, "o")
		w.until(4*time.Second, oslo, "o", "awaiting_customer")
		for range 3 {
			w.broker.Cut()
			time.Sleep(5 * time.Second)
		}
		if state, problems := w.agentState(); state != "online" {
			t.Errorf("it is %s: %v", state, problems)
		}
	})
}

// While another agent is at work nothing is created, but what was begun goes on.
func TestAnotherAgentStopsSending(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.order(oslo, "begun")
		w.until(5*time.Second, oslo, "begun", "awaiting_customer")
		w.says(word{State: "online", Instance: "other", Generation: 3, Since: "2026-11-19T08:00:00.000Z"}, true)
		w.untilProblem("anotherAgent")
		w.order(bergen, "new")
		w.untilWaiting(5*time.Second, bergen, "new", "anotherAgent")
		w.until(10*time.Second, oslo, "begun", "paid")
		w.send(bergen, "cancels", `{"requestId":"c1","target":"new"}`)
		w.until(5*time.Second, bergen, "new", "cancelled")

		w.order(bergen, "new-2")
		w.restart()
		w.untilWaiting(5*time.Second, bergen, "new-2", "anotherAgent")
		if n := w.creates(); n != 1 {
			t.Errorf("%d creates", n)
		}
		w.stop()
		if got := w.accept(); !slices.Equal(got, []string{"anotherAgent"}) {
			t.Errorf("accepted %v", got)
		}
		w.start()
		w.until(5*time.Second, bergen, "new-2", "awaiting_customer")
	})
}

// Two agents run on copies of one outbox, as from two copies of a card, with one client id: the open request in both of
// them is not created twice, and both stop.
func TestTwinsFindEachOther(t *testing.T) {
	for _, wills := range []bool{false, true} {
		t.Run(fmt.Sprintf("wills told %t", wills), func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.broker.TakeoverWills(wills)
				w.stopWithThree()
				twin := w.twin()
				w.start()
				w.down(false)
				w.until(time.Minute, oslo, "open-0", "awaiting_customer")
				twin.start()
				time.Sleep(time.Minute)
				synctest.Wait()
				w.bothStopped(twin)
				before := w.creates()
				w.order(bergen, "new")
				time.Sleep(time.Minute)
				if w.creates() != before {
					t.Error("an order was created though there are two agents")
				}
				twin.stop()
			})
		})
	}
}

// The list of terminals tells another organisation's token, and a terminal that was moved.
func TestAnotherAccountStopsSending(t *testing.T) {
	listed := func(terminals map[string]string) http.HandlerFunc {
		return func(rw http.ResponseWriter, r *http.Request) {
			var data []string
			for uuid, org := range terminals {
				data = append(data, fmt.Sprintf(`{"uuid":%q,"name":%q,"status":1,"organization_uuid":%q}`, uuid, uuid, org))
			}
			rw.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(rw, `{"status_code":200,"message":"terminalsRetrievedSuccessfully","data":[%s]}`, strings.Join(data, ","))
		}
	}
	for name, terminals := range map[string]map[string]string{
		"another organisation's token": {"TRML9": "ORG2"},
		"a terminal that was moved":    {oslo: "ORG2", bergen: "ORG1"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.order(oslo, "begun")
				w.until(10*time.Second, oslo, "begun", "paid")
				w.stop()
				sent := w.creates()
				other := func(rw http.ResponseWriter, r *http.Request) {
					if strings.Contains(r.URL.Path, "/terminal/lists/") {
						listed(terminals)(rw, r)
						return
					}
					w.sim.ServeHTTP(rw, r)
				}
				handler := http.HandlerFunc(other)
				w.handle.Store(&handler)
				w.start()
				w.untilProblem("wrongAccount")
				w.order(oslo, "o")
				w.untilWaiting(5*time.Second, oslo, "o", "wrongAccount")
				if !strings.Contains(w.problemWords("wrongAccount"), "ORG2") {
					t.Errorf("told: %s", w.problemWords("wrongAccount"))
				}
				w.handle.Store(nil)
				w.until(time.Minute, oslo, "o", "paid") // the right token is back
				if got := w.creates() - sent; got != 1 {
					t.Errorf("%d creates", got)
				}

				w.handle.Store(&handler)
				w.restart()
				w.untilProblem("wrongAccount")
				w.stop()
				if got := w.accept(); !slices.Equal(got, []string{"wrongAccount"}) {
					t.Errorf("accepted %v", got)
				}
				w.start()
				time.Sleep(5 * time.Second)
				if state, problems := w.agentState(); state != "online" {
					t.Errorf("accepted, and it is %s: %v", state, problems)
				}
			})
		})
	}
}

// Another API's answers end nothing: what is at a customer, or in doubt, waits until the operator has said whose it is.
func TestAnotherAPIStopsSending(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.down(true)
		w.order(oslo, "o")
		w.until(5*time.Second, oslo, "o", "queued")
		w.stop()
		w.down(false)
		here, elsewhere := "http://127.0.0.1:1/api/v1", "http://127.0.0.1:1/other/v1"
		handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			r.URL.Path = strings.Replace(r.URL.Path, "/other/", "/api/", 1)
			w.sim.ServeHTTP(rw, r)
		})
		w.handle.Store(&handler)
		w.cfg = strings.Replace(w.cfg, here, elsewhere, 1)
		w.start()
		w.untilProblem("wrongAccount")
		w.untilWaiting(5*time.Second, oslo, "o", "wrongAccount")
		if text := w.problemWords("wrongAccount"); !strings.Contains(text, here) || !strings.Contains(text, elsewhere) {
			t.Errorf("told: %s", text)
		}
		time.Sleep(time.Minute)
		if w.creates() > 0 {
			t.Error("an order went to another API")
		}
		w.stop()
		if got := w.accept(); !slices.Equal(got, []string{"wrongAccount"}) {
			t.Errorf("accepted %v", got)
		}
		w.start()
		w.until(5*time.Second, oslo, "o", "paid")
		w.stop()
		w.cfg = strings.Replace(w.cfg, elsewhere, here, 1)
		w.start()
		w.untilProblem("wrongAccount")
	})
}

// A configuration that names terminals instead of the organisation says nothing of whose they are.
func TestNoOrganisationStopsSending(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.stop()
		w.cfg = "terminals = [\"" + oslo + "\"]\n" + strings.Replace(w.cfg, `organization_uuid = "ORG1"`, "", 1)
		w.start()
		w.untilProblem("wrongAccount")
		if text := w.problemWords("wrongAccount"); !strings.Contains(text, "belongs to organisation ORG1 ") || !strings.Contains(text, "names no organisation") {
			t.Errorf("told: %s", text)
		}
	})
}
