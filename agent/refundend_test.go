package agent_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// refundPart publishes a refund of ten kroner of the first product that the simulated API ever sold.
func (w *world) refundPart(id, order string, more string) {
	w.Helper()
	w.send(oslo, "refunds", fmt.Sprintf(`{"requestId":%q,"orderRequestId":%q,"refund":{"type":"regular","grandTotal":"10.00","products":[{"id":"451","amount":"10.00"}]}%s}`,
		id, order, more))
}

// TestABusyRefundExpires: a terminal that is busy for longer than the time to live ends a refund like an order, within a
// second; the books are read first, and show that nothing came of it.
func TestABusyRefundExpires(t *testing.T) {
	for name, more := range map[string]string{"refund": "", "approval": `,"requestApproval":{"message":"damaged goods"}`} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(oslo, "o")
				w.measureBooks("o")
				op := simulator.OpRefund
				if name == "approval" {
					op = simulator.OpApproval
					w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.Refuse(400, "Conflict of Business Logic", "refundRejectionForWeeklyThresholdExceed")})
				}
				w.sim.Inject(simulator.Fault{Operation: op, Times: -1, Do: simulator.BusyReply()})
				w.refundPart("r", "o", more+`,"ttlSeconds":60`)
				w.untilWaiting(5*time.Second, oslo, "r", "terminalIsBusy")
				w.until(61*time.Second, oslo, "r", "expired")
				if said := w.states("r"); slices.Contains(said, "in_doubt") {
					t.Errorf("states %v", said)
				}
			})
		})
	}
}

// TestARefundEndsLikeTheOneBefore: the API has one refund status for an order, so the end of the refund before stands when
// the next one begins. It proves nothing until the next one was seen to be under way, however often it is told; that it was
// carried out the books tell, where they can be read.
func TestARefundEndsLikeTheOneBefore(t *testing.T) {
	for name, c := range map[string]struct {
		lookups  simulator.Lookups
		customer simulator.Customer
		want     string
	}{
		"declined":                    {simulator.LookupsShown, simulator.Decline(time.Second), "declined"},
		"declined, books not to read": {simulator.LookupsForbidden, simulator.Decline(time.Second), "declined"},
		"refunded":                    {simulator.LookupsShown, simulator.Pay(time.Second), "refunded"},
		"refunded, books not to read": {simulator.LookupsForbidden, simulator.Pay(time.Second), "refunded"},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sim.SetThresholds(simulator.Thresholds{})
				w.sim.SetLookups(c.lookups)
				w.sale(oslo, "o")
				if err := w.sim.SetRefundCustomer(oslo, c.customer); err != nil { // over before the first look
					t.Fatal(err)
				}
				w.refundPart("r1", "o", "")
				w.until(3*time.Minute, oslo, "r1", c.want) // what can't be read has to be established first
				w.refundPart("r2", "o", "")
				w.until(3*time.Second, oslo, "r2", c.want) // it was seen to be under way
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefundStatus, Times: 2, Skip: 1, Do: simulator.Status(502, "")})
				w.refundPart("r3", "o", "")
				if name == "refunded" {
					w.until(20*time.Second, oslo, "r3", c.want)
					return
				}
				time.Sleep(4 * time.Minute) // it was not
				w.until(0, oslo, "r3", "awaiting_refund")
				w.until(12*time.Minute, oslo, "r3", "unresolved")
			})
		})
	}
}

// TestADenialDoesNotHideAPayback: another till's refund of the order may be what was turned down. The books show that money
// went back, so nobody is told that it did not.
func TestADenialDoesNotHideAPayback(t *testing.T) {
	for _, c := range []struct {
		customer simulator.Customer
		want     string
	}{{simulator.Decline(time.Second), "declined"}, {simulator.Pay(time.Second), "refunded"}} {
		t.Run(c.want, func(t *testing.T) {
			inWorld(t, "", func(w *world) {
				w.sale(oslo, "o")
				if err := w.sim.SetRefundCustomer(oslo, c.customer); err != nil {
					t.Fatal(err)
				}
				w.sim.Inject(simulator.Fault{Operation: simulator.OpRefundStatus, Times: -1, Skip: 1, Do: simulator.Status(200,
					`{"status_code":200,"message":"orderRefundRejected","is_data":false,"data":null,"is_error":false,"errors":null,"refund_status":"REJECTED"}`)})
				w.refundPart("r", "o", "")
				w.until(time.Minute, oslo, "r", c.want)
				w.sale(oslo, "next")
			})
		})
	}
}

// TestAnApprovalIsNotTheRefundBefore: while somebody at Front Payment has yet to decide, the end of the refund before stands
// for days. It is never taken for the decision, however often it is told.
func TestAnApprovalIsNotTheRefundBefore(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.SetLookups(simulator.LookupsForbidden)
		w.sale(oslo, "o")
		w.refundPart("r1", "o", "")
		w.until(3*time.Minute, oslo, "r1", "refunded")
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.Refuse(400, "Conflict of Business Logic", "refundRejectionForWeeklyThresholdExceed")})
		w.sim.Inject(simulator.Fault{Operation: simulator.OpRefundStatus, Times: -1, Do: simulator.Status(200,
			`{"status_code":200,"message":"orderRefundedSuccessfully","is_data":false,"data":null,"is_error":false,"errors":null,"refund_status":"REFUNDED"}`)})
		w.refundPart("r2", "o", `,"requestApproval":{"message":"damaged goods"}`)
		w.until(20*time.Second, oslo, "r2", "awaiting_approval")
		time.Sleep(4 * time.Hour)
		w.until(0, oslo, "r2", "awaiting_approval")
	})
}

// TestADecisionLikeTheOneBefore: an approver who denies at once is heard, though a denial stood before.
func TestADecisionLikeTheOneBefore(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "o")
		w.sim.SetApprover(simulator.Deny(time.Second))
		for _, id := range []string{"r1", "r2"} {
			w.sim.Inject(simulator.Fault{Operation: simulator.OpRefund, Do: simulator.Refuse(400, "Conflict of Business Logic", "refundRejectionForWeeklyThresholdExceed")})
			w.refundPart(id, "o", `,"requestApproval":{"message":"damaged goods"}`)
			w.until(10*time.Second, oslo, id, "declined")
		}
	})
}
