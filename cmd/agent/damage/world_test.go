package damage

import (
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
	"tillpost/mqtt/mqtttest"
)

// tillpost is built as it is shipped: little memory is enough for that only.
var tillpost proctest.Binary

func TestMain(m *testing.M) { tillpost.Main(m) }

// oslo is the terminal of all requests here.
var oslo = shoptest.Terminal(0)

// world is a shop whose files, disk and handles can be taken from it.
type world struct {
	*shoptest.Shop
}

// newWorld makes one whose agent does not run yet.
func newWorld(t *testing.T) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("runs processes for a while; left out by -short")
	}
	w := &world{shoptest.New(t, shoptest.Options{Program: &tillpost, Mosquitto: &mqtttest.MosquittoOptions{}, Customer: simulator.Pay(50 * time.Millisecond)})}
	w.Listen()
	return w
}

// limit has a shell's commands run before each process, such as ulimit.
func (w *world) limit(commands string) {
	w.Under = []string{"/bin/sh", "-c", commands + ` exec "$0" "$@"`}
}

// order publishes the API's example order, whose date the agent has to add.
func (w *world) order(id string) {
	w.Helper()
	w.Send(oslo, "orders", shoptest.Request(id, "order", shoptest.Example("", id)))
}

func (w *world) now(id string) shoptest.Status {
	w.Helper()
	return w.Now(oslo, id)
}

func (w *world) untilState(id string, states ...string) {
	w.Helper()
	w.UntilState(oslo, id, states...)
}
