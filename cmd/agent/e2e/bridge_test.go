package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
	"tillpost/mqtt"
	"tillpost/mqtt/mqtttest"
)

// bridged returns a shop's mosquitto with the packaged bridge, but for the centre's address, its login, and the prefix and
// name of the test's shop.
func bridged(t *testing.T, central *mqtttest.Mosquitto, name string) *mqtttest.MosquittoOptions {
	t.Helper()
	raw, err := os.ReadFile("../../../packaging/bridge/shop.conf")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("central.example.com:8883", central.Addr, "oslo-s", name, "topic tillpost/", "topic shop/",
		"restart_timeout 5 120", "restart_timeout 1").Replace(string(raw))
	var kept []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "bridge_cafile") && !strings.HasPrefix(line, "remote_username") {
			kept = append(kept, line)
		}
	}
	return &mqtttest.MosquittoOptions{Persistence: true, Config: strings.Join(kept, "")}
}

// Two shops are bridged to a centre: it learns how things stand in each, and nothing that moves money comes down.
func TestShopsAreBridgedToACentre(t *testing.T) {
	outside(t)
	brokerBeside(t, "the one inside has no bridge")
	central := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{})
	desk := mqtttest.Connect(t, central.URL)
	heard := shoptest.NewLedger()
	t.Cleanup(heard.Follow(desk.Watch("shops/#")))
	var shops []*world
	for _, name := range []string{"oslo-s", "bergen"} {
		shops = append(shops, newWorld(t, shoptest.Options{Customer: simulator.Pay(100 * time.Millisecond), Mosquitto: bridged(t, central, name)}))
	}
	told := func(topic, what string) {
		t.Helper()
		if !proctest.Eventually(proctest.Patience, func() bool { return strings.Contains(string(heard.On(topic)), what) }) {
			t.Fatalf("at the centre %s says %q, not %q", topic, heard.On(topic), what)
		}
	}
	for i, name := range []string{"oslo-s", "bergen"} {
		told("shops/"+name+"/shop/agent", `"state":"online"`)
		told("shops/"+name+"/bridge", "1")
		shops[i].Order(terminal(0), "sale-"+name)
		told("shops/"+name+"/shop/terminals/"+terminal(0)+"/status/sale-"+name, `"state":"paid"`)
	}
	if raw := heard.On("shops/bergen/shop/terminals/" + terminal(0) + "/status/sale-oslo-s"); raw != nil {
		t.Errorf("one shop's sale is another's: %s", raw)
	}

	// An order that is placed at the centre stays there; a check comes down.
	below := "shops/oslo-s/shop/terminals/" + terminal(0)
	desk.Publish(mqtt.Message{Topic: below + "/orders", Payload: []byte(shoptest.Request("from-afar", "order", shoptest.Example(shops[0].Today(), "from-afar")))})
	desk.Publish(mqtt.Message{Topic: below + "/refunds", Payload: []byte(`{"requestId":"refund-from-afar","orderRequestId":"sale-oslo-s","full":true}`)})
	desk.Publish(mqtt.Message{Topic: below + "/checks", Payload: []byte(`{"requestId":"check-from-afar","target":"sale-oslo-s"}`)})
	told(below+"/status/check-from-afar", `"state":"done"`)
	if n := len(shops[0].Sim.Orders()); n != 1 {
		t.Errorf("there are %d orders at the API", n)
	}
	if o := shops[0].Sim.Orders()[0]; len(o.Refunds) != 0 {
		t.Errorf("the centre refunded: %+v", o.Refunds)
	}
	// Requests have names and addresses in them: none went up.
	for _, segment := range []string{"orders", "refunds"} {
		topic := "shops/bergen/shop/terminals/" + terminal(0) + "/" + segment
		if raw := heard.On(topic); raw != nil {
			t.Errorf("%s went up", topic)
		}
	}
}
