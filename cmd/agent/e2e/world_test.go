package e2e

import (
	"encoding/json"
	"maps"
	"net/http"
	"testing"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
	"tillpost/mqtt/mqtttest"
)

// newToken is another one than the shop begins with. It holds that one, so that no process may write it either.
const newToken = shoptest.Token + "-of-today"

// exampleTerminal is the one of the API's own example.
const exampleTerminal = "TRML1216693970"

// world is a shop over the broker of the run, and a till that receives everything.
type world struct {
	*shoptest.Shop
}

// status is a status message as a till reads it.
type status = shoptest.Status

func terminal(i int) string { return shoptest.Terminal(i) }

// newWorld makes a world and starts its agent.
func newWorld(t *testing.T, o shoptest.Options) *world {
	t.Helper()
	w := emptyWorld(t, o)
	w.Start()
	return w
}

// newEmbedded does so over the embedded broker, whatever the run is over.
func newEmbedded(t *testing.T, o shoptest.Options) *world {
	t.Helper()
	w := fill(t, o)
	w.Start()
	return w
}

// emptyWorld returns a world whose agent does not run yet.
func emptyWorld(t *testing.T, o shoptest.Options) *world {
	t.Helper()
	switch {
	case overEmbedded(t):
		o.Mosquitto = nil
	case o.Mosquitto == nil:
		o.Mosquitto = &mqtttest.MosquittoOptions{}
	}
	return fill(t, o)
}

// fill makes a world whose agent does not run yet, over what the options say.
func fill(t *testing.T, o shoptest.Options) *world {
	t.Helper()
	settings := shoptest.Settings{"log.level": "debug", "policy.busy_backoff_min": "50ms", "policy.busy_backoff_max": "500ms"}
	maps.Copy(settings, o.Settings)
	o.Program, o.Settings = &tillpost, settings
	w := &world{shoptest.New(t, o)}
	w.Sim.AddTerminal(simulator.Terminal{UUID: exampleTerminal, Name: "Example"})
	w.Listen()
	t.Cleanup(w.check)
	return w
}

// down cuts the API off, or brings it back.
func (w *world) down(is bool) {
	w.Helper()
	w.Must(w.Sim.SetDown(is))
}

// customers says who comes next to a terminal.
func (w *world) customers(terminal string, c ...simulator.Customer) {
	w.Helper()
	w.Must(w.Sim.SetNextCustomers(terminal, c...))
}

// history returns the states that a request went through, as the agent shows them. A till that was not connected all the
// time may not have heard of each.
func (w *world) history(id string) (states []string) {
	w.Helper()
	code, text := w.Get("/api/v1/requests/" + id)
	var r struct{ History []struct{ State string } }
	if err := json.Unmarshal([]byte(text), &r); err != nil || code != http.StatusOK {
		w.Fatalf("the history of %s: %d %s", id, code, text)
	}
	for _, e := range r.History {
		states = append(states, e.State)
	}
	return states
}

// refusal is a message on the rejects topic.
type refusal struct {
	Topic     string
	RequestID string `json:"requestId"`
	Reason    struct {
		Code, Message string
		Errors        []struct{ Path, Message string }
	}
}

// rejects returns the refusals that were published, in order.
func (w *world) rejects() (all []refusal) {
	for _, m := range w.Heard.Messages("/rejects") {
		var r refusal
		if json.Unmarshal(m.Payload, &r) == nil {
			all = append(all, r)
		}
	}
	return all
}
