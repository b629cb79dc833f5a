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
	// brokerVariable is the environment variable that names the broker which all tests run over.
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

// overEmbedded reports whether a test wants the embedded broker.
func overEmbedded(t testing.TB) bool {
	return runsOver == embedded || strings.HasPrefix(t.Name(), shareName+"/")
}

// forgetBroker has the broker lose all that it keeps. The embedded one does so with every life of the agent.
func (w *world) forgetBroker() {
	w.Helper()
	if w.Embedded() {
		w.Crash()
		return
	}
	w.Mosquitto.RestartForgetful()
}

// brokerBeside leaves out a test of what only a broker outside of the agent does.
func brokerBeside(t *testing.T, what string) {
	t.Helper()
	if overEmbedded(t) {
		t.Skip("the embedded broker is the agent: " + what)
	}
}

// publishRetained has the agent see a request with the retain flag. Mosquitto keeps it for the agent's next start; the
// embedded broker keeps no requests, and the agent checks it at once.
func (w *world) publishRetained(m mqtt.Message) {
	w.Helper()
	if w.Embedded() {
		w.Start()
		w.Till.Publish(m)
		return
	}
	w.Till.Publish(m)
	w.Start()
}

// killConnected kills the agent; a till notices by the end of its connection.
func (w *world) killConnected() {
	w.Helper()
	conn, err := mqtttest.Dial(w.Context(), w.Broker, "listens", 0)
	w.Must(err)
	defer func() { _ = conn.Close() }()
	w.Agent.Kill()
	w.Must(conn.SetReadDeadline(time.Now().Add(proctest.Patience)))
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		w.Errorf("the connection outlives the agent: %d bytes, %v", n, err)
	}
}

// configOfAnother returns the configuration for another agent, which can't be the broker at the same address.
func (w *world) configOfAnother() string {
	w.Helper()
	text := w.Read("tillpost.toml")
	if w.Embedded() {
		text = strings.ReplaceAll(text, w.Broker, proctest.FreeAddr(w))
		text = strings.ReplaceAll(text, w.WebSocket, proctest.FreeAddr(w))
	}
	return text
}
