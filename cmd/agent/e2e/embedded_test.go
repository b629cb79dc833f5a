package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

const (
	mosquitto = "mosquitto"
	embedded  = "embedded"
	// brokerVariable is the environment's word on the broker that all tests run over.
	brokerVariable = "TILLPOST_E2E_BROKER"
	shareName      = "TestOverTheEmbeddedBroker"
)

// runsOver is the broker of this run. With mosquitto, share runs over the embedded one too.
var runsOver = cmp.Or(os.Getenv(brokerVariable), mosquitto)

func knownBroker() error {
	if runsOver != mosquitto && runsOver != embedded {
		return fmt.Errorf("%s is %q; it may be %s or %s", brokerVariable, runsOver, mosquitto, embedded)
	}
	return nil
}

// share is what every run shows of the embedded broker; beside it stands TestAcknowledgedIsOnDisk.
var share = map[string]func(*testing.T){
	"example":      TestTheExampleOrderIsPaid,
	"kinds":        TestKindsWhenAllIsWell,
	"bad messages": TestBadMessagesAreRefusedAndTold,
	"retained":     TestARetainedRequestDoesNotRunAgain,
	"same request": TestOneRequestIsOneOrder,
	"forgetful":    TestABrokerWithoutMemory,
	"ordered stop": TestAnOrderedStop,
	"death":        TestTheWillTellsOfADeath,
}

// The agent as its own broker keeps the same promises.
func TestOverTheEmbeddedBroker(t *testing.T) {
	outside(t)
	if runsOver == embedded {
		t.Skip("all tests of this run are over the embedded broker")
	}
	for name, test := range share {
		t.Run(name, test)
	}
}

// embedded reports whether the agent of this world is the broker.
func (w *world) embedded() bool { return w.broker == nil }

// overEmbedded reports whether a test wants the embedded broker.
func overEmbedded(t *testing.T) bool {
	return runsOver == embedded || strings.HasPrefix(t.Name(), shareName+"/")
}

// openBroker makes the broker, or finds an address for the agent's own.
func (w *world) openBroker() {
	w.Helper()
	if w.shop.embedded || overEmbedded(w.T) {
		w.brokerAddr, w.webSocketAddr = proctest.FreeAddr(w), proctest.FreeAddr(w)
		w.newLedger() // the till connects once the agent is there
		return
	}
	w.broker = mqtttest.StartMosquitto(w, w.shop.broker)
	w.brokerAddr = w.broker.Addr
	w.listen()
}

// mqttTables are the configuration's word on the broker.
func (w *world) mqttTables() string {
	const prefix = "[mqtt]\ntopic_prefix = \"shop\"\n"
	if w.embedded() {
		return prefix + fmt.Sprintf("[mqtt.embedded]\nlisten = %q\nwebsocket_listen = %q\n", w.brokerAddr, w.webSocketAddr)
	}
	return prefix + fmt.Sprintf("url = %q\n", w.broker.URL)
}

// letIn has the till connect again to an agent that is the broker: its former connection ended with the agent's
// former life. What it heard then, and what it hears now, is one story.
func (w *world) letIn() {
	w.Helper()
	w.until(soon, "the embedded broker to let tills in", func() bool {
		conn, err := dialTill(w.Context(), w.brokerAddr, "knocks")
		if err == nil {
			_ = conn.Close() // it has served
		}
		return err == nil || !w.agent.Running()
	})
	if !w.agent.Running() {
		w.Fatalf("the agent ended with %d", w.agent.Code())
	}
	w.connect()
}

// forgetBroker has the broker lose all that it keeps. The embedded one does so with every life of the agent.
func (w *world) forgetBroker() {
	w.Helper()
	if w.embedded() {
		w.crash()
		return
	}
	w.broker.RestartForgetful()
}

// brokerBeside leaves out a test of what only a broker outside of the agent does.
func brokerBeside(t *testing.T, what string) {
	t.Helper()
	if overEmbedded(t) {
		t.Skip("the embedded broker is the agent: " + what)
	}
}

// publishRetained has the agent see a request with the retain flag. Mosquitto keeps it for the agent's next start; the
// embedded broker keeps no requests, and the agent judges it at once.
func (w *world) publishRetained(m mqtt.Message) {
	w.Helper()
	if w.embedded() {
		w.start()
		w.till.Publish(m)
		return
	}
	w.till.Publish(m)
	w.start()
}

// killConnected kills the agent; a till hears of that by the end of its connection.
func (w *world) killConnected() {
	w.Helper()
	conn, err := dialTill(w.Context(), w.brokerAddr, "listens")
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	w.agent.Kill()
	w.must(conn.SetReadDeadline(time.Now().Add(soon)))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		w.Errorf("the connection outlives the agent: %d bytes, %v", n, err)
	}
}

// configOfAnother is the configuration for another agent, which can't be the broker at the same address.
func (w *world) configOfAnother() string {
	w.Helper()
	text := w.read("tillpost.toml")
	if w.embedded() {
		text = strings.ReplaceAll(text, w.brokerAddr, proctest.FreeAddr(w))
		text = strings.ReplaceAll(text, w.webSocketAddr, proctest.FreeAddr(w))
	}
	return text
}
