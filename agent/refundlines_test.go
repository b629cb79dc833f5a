package agent_test

import (
	"strings"
	"testing"
	"time"
)

// TestLinesWithFractionsOfAnOre: goods sold by weight come to lines with fractions of an øre, and their order to whole ones.
// It can be paid back by line, and in full.
func TestLinesWithFractionsOfAnOre(t *testing.T) {
	inWorld(t, "", func(w *world) {
		order := strings.Replace(exampleOrder(time.Now().Format("02 Jan, 2006")), `{"0": {"name": "Hair Wash","productId": "VFDDF","quantity": "1","rate": 42,"discount": 0,"tax": "0","amount": 42}}`,
			`[{"name":"Prawns","productId":"P","quantity":"0.1765","rate":190,"discount":0,"tax":"0","amount":33.535},
			{"name":"Cod","productId":"C","quantity":"0.033","rate":256.5,"discount":0,"tax":"0","amount":"8.4645"}]`, 1)
		w.send(oslo, "orders", `{"requestId":"s1","order":`+order+`}`)
		w.until(10*time.Second, oslo, "s1", "paid")
		w.send(oslo, "refunds", `{"requestId":"r1","orderRequestId":"s1","refund":{"type":"regular","grandTotal":9,"products":[{"line":1,"amount":9}]}}`)
		if s := w.until(10*time.Second, oslo, "r1", "rejected"); s.Reason.Code != "refundExceedsOrder" || !strings.Contains(s.Reason.Message, "8.47") {
			t.Errorf("reason %+v", s.Reason)
		}
		w.send(oslo, "refunds", `{"requestId":"r2","orderRequestId":"s1","refund":{"type":"regular","grandTotal":10,"products":[{"productId":"P","amount":10}]}}`)
		w.until(10*time.Second, oslo, "r2", "refunded")
		w.send(oslo, "refunds", `{"requestId":"r3","orderRequestId":"s1","full":true}`)
		w.until(10*time.Second, oslo, "r3", "refunded")
		if o := w.sim.Orders()[0]; string(o.Status) != "REFUNDED" {
			t.Errorf("the order is %s: %+v", o.Status, o.Refunds)
		}
	})
}
