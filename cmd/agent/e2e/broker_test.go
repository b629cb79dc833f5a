package e2e

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
	"tillpost/mqtt/mqtttest"
)

func TestABrokerWithoutMemory(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Mosquitto: &mqtttest.MosquittoOptions{Persistence: true}})
	w.Sale(terminal(0), "done")
	w.customers(terminal(1), simulator.WalkAway())
	w.Order(terminal(1), "open")
	w.Order(terminal(1), "next")
	w.UntilState(terminal(1), "open", "awaiting_customer")
	w.UntilState(terminal(1), "next", "queued") // before that it is the broker's, and lost with it
	w.forgetBroker()
	w.Listen()
	topics := []string{
		"agent", "terminals", "terminals/" + terminal(0) + "/display", "terminals/" + terminal(1) + "/display",
		"terminals/" + exampleTerminal + "/display", "terminals/" + terminal(0) + "/status/done",
		"terminals/" + terminal(1) + "/status/open", "terminals/" + terminal(1) + "/status/next",
	}
	for _, topic := range topics {
		w.Until(topic+" to be back", func() bool { return len(w.Heard.On("shop/"+topic)) > 0 })
	}
	w.UntilOnline()
	w.UntilState(terminal(0), "done", "paid")
	w.Sale(terminal(0), "after")
	// What is published again is retained again.
	w.Listen()
	for _, topic := range topics {
		w.Until(topic+" to be told to who comes later", func() bool { return len(w.Heard.Messages("shop/"+topic)) > 0 })
		if m := w.Heard.Messages("shop/" + topic); !m[0].Retained {
			t.Errorf("%s is not retained", topic)
		}
	}
	w.UntilState(terminal(1), "open", "awaiting_customer")
}

func TestReadinessFollowsTheBroker(t *testing.T) {
	outside(t)
	brokerBeside(t, "it is never away alone")
	w := newWorld(t, shoptest.Options{})
	w.Until("ready", func() bool { code, _ := w.Get("/readyz"); return code == 200 })
	w.Mosquitto.Stop()
	w.Until("not ready", func() bool {
		code, text := w.Get("/readyz")
		return code == 503 && strings.Contains(text, "broker")
	})
	if code, _ := w.Get("/healthz"); code != 200 {
		t.Errorf("not healthy without the broker: %d", code)
	}
	w.Mosquitto.Start()
	w.Until("ready again", func() bool { code, _ := w.Get("/readyz"); return code == 200 })
	w.Listen()
	w.Sale(terminal(0), "after")
}

func TestAnOrderedStop(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.customers(terminal(0), simulator.WalkAway())
	w.Order(terminal(0), "open")
	w.Order(terminal(0), "next")
	w.UntilState(terminal(0), "open", "awaiting_customer")
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Terminal: terminal(1), Do: simulator.DelayReply(500 * time.Millisecond)})
	w.Order(terminal(1), "sending")
	w.UntilTold("sending", "sending", func(s status) bool { return s.State == "sending" })
	if code := w.Agent.End(syscall.SIGTERM, 20*time.Second); code != 0 {
		t.Errorf("the exit code is %d", code)
	}
	w.Until("offline", func() bool { state, _ := w.State(); return state == "offline" })
	if s := w.UntilStatus(terminal(1), "sending", "told", func(s status) bool { return s.State != "sending" }); s.State != "awaiting_customer" && s.State != "paid" {
		t.Errorf("the call under way ended as %s", s.State)
	}
	w.Start()
	w.UntilState(terminal(1), "sending", "paid")
	w.Must(w.Sim.Settle(w.Now(terminal(0), "open").OrderUUID, simulator.Pays))
	w.UntilState(terminal(0), "next", "paid")
	w.Once()
}

func TestTheWillTellsOfADeath(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.UntilOnline()
	if w.Embedded() {
		w.killConnected()
	} else {
		w.Agent.Kill()
		w.Until("offline", func() bool { state, _ := w.State(); return state == "offline" })
	}
	var before, after struct{ Instance, Version string }
	read := func(into any) {
		w.Must(json.Unmarshal(w.Heard.On("shop/agent"), into))
	}
	read(&before)
	w.Start()
	read(&after)
	if before.Instance == "" || before != after {
		t.Errorf("the will is of %+v, the agent %+v", before, after)
	}
}
