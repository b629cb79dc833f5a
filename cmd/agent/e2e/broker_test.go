package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/mqtt/mqtttest"
)

func TestABrokerWithoutMemory(t *testing.T) {
	outside(t)
	w := newWorld(t, shop{broker: mqtttest.MosquittoOptions{Persistence: true}})
	w.sale(terminal(0), "done")
	w.customers(terminal(1), simulator.WalkAway())
	w.order(terminal(1), "open")
	w.order(terminal(1), "next")
	w.untilState(soon, terminal(1), "open", "awaiting_customer")
	w.untilState(soon, terminal(1), "next", "queued") // before that it is the broker's, and lost with it
	w.forgetBroker()
	w.listen()
	topics := []string{
		"agent", "terminals", "terminals/" + terminal(0) + "/display", "terminals/" + terminal(1) + "/display",
		"terminals/" + exampleTerminal + "/display", "terminals/" + terminal(0) + "/status/done",
		"terminals/" + terminal(1) + "/status/open", "terminals/" + terminal(1) + "/status/next",
	}
	for _, topic := range topics {
		w.until(soon, topic+" to be back", func() bool { return len(w.heard.on("shop/"+topic)) > 0 })
	}
	w.untilOnline(soon)
	w.untilState(soon, terminal(0), "done", "paid")
	w.sale(terminal(0), "after")
	// What is told anew is retained anew.
	w.listen()
	for _, topic := range topics {
		w.until(soon, topic+" to be told to who comes later", func() bool { return len(w.heard.messages("shop/"+topic)) > 0 })
		if m := w.heard.messages("shop/" + topic); !m[0].Retained {
			t.Errorf("%s is not retained", topic)
		}
	}
	w.untilState(soon, terminal(1), "open", "awaiting_customer")
}

func TestReadinessFollowsTheBroker(t *testing.T) {
	outside(t)
	brokerBeside(t, "it is never away alone")
	w := newWorld(t, shop{})
	w.until(soon, "ready", func() bool { code, _ := w.get("/readyz"); return code == 200 })
	w.broker.Stop()
	w.until(soon, "not ready", func() bool {
		code, text := w.get("/readyz")
		return code == 503 && strings.Contains(text, "broker")
	})
	if code, _ := w.get("/healthz"); code != 200 {
		t.Errorf("not healthy without the broker: %d", code)
	}
	w.broker.Start()
	w.until(soon, "ready again", func() bool { code, _ := w.get("/readyz"); return code == 200 })
	w.listen()
	w.sale(terminal(0), "after")
}

func TestAnOrderedStop(t *testing.T) {
	outside(t)
	w := newWorld(t, shop{})
	w.customers(terminal(0), simulator.WalkAway())
	w.order(terminal(0), "open")
	w.order(terminal(0), "next")
	w.untilState(soon, terminal(0), "open", "awaiting_customer")
	w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Terminal: terminal(1), Do: simulator.DelayReply(500 * time.Millisecond)})
	w.order(terminal(1), "sending")
	w.untilTold("sending", "sending", func(s status) bool { return s.State == "sending" })
	if code := w.agent.End(syscall.SIGTERM, 20*time.Second); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	w.until(soon, "offline", func() bool { state, _ := w.agentState(); return state == "offline" })
	if s := w.untilStatus(soon, terminal(1), "sending", "told", func(s status) bool { return s.State != "sending" }); s.State != "awaiting_customer" && s.State != "paid" {
		t.Errorf("the call under way ended as %s", s.State)
	}
	w.start()
	w.untilState(soon, terminal(1), "sending", "paid")
	w.must(w.sim.Settle(w.now(terminal(0), "open").OrderUUID, simulator.Pays))
	w.untilState(soon, terminal(0), "next", "paid")
	w.once()
}

func TestTheWillTellsOfADeath(t *testing.T) {
	outside(t)
	w := newWorld(t, shop{})
	w.untilOnline(soon)
	if w.embedded() {
		w.killConnected()
	} else {
		w.agent.Kill()
		w.until(soon, "offline", func() bool { state, _ := w.agentState(); return state == "offline" })
	}
	var before, after struct{ Instance, Version string }
	read := func(into any) {
		if err := json.Unmarshal(w.heard.on("shop/agent"), into); err != nil {
			t.Fatal(err)
		}
	}
	read(&before)
	w.start()
	read(&after)
	if before.Instance == "" || before != after {
		t.Errorf("the will is of %+v, the agent %+v", before, after)
	}
}
