package agent_test

import (
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestCancelOfARefundByItsOrder: a refund that has not been sent is known by the order's uuid, however it names the order.
func TestCancelOfARefundByItsOrder(t *testing.T) {
	for name, order := range map[string]string{"by uuid": `"orderUuid":"UUID"`, "by requestId": `"orderRequestId":"o"`} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				uuid := w.sale(oslo, "o")
				if err := w.sim.SetNextCustomers(oslo, simulator.WalkAway()); err != nil {
					t.Fatal(err)
				}
				w.order(oslo, "here")
				w.until(5*time.Second, oslo, "here", "awaiting_customer")
				if order == `"orderUuid":"UUID"` {
					order = `"orderUuid":"` + uuid + `"`
				}
				w.send(oslo, "refunds", `{"requestId":"r",`+order+`,"full":true}`)
				w.until(time.Second, oslo, "r", "queued")
				w.send(oslo, "cancels", `{"requestId":"c","orderUuid":"`+uuid+`","type":"refund"}`)
				w.until(time.Second, oslo, "r", "cancelled")
				w.until(time.Second, oslo, "c", "done")
				if n := w.sim.Count(simulator.OpCancel); n != 0 {
					t.Errorf("%d cancels reached the API, want none", n)
				}
			})
		})
	}
}
