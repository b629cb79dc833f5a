package simulator_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"

	"github.com/govalues/decimal"
)

const (
	refundPath   = base + "terminal/orders/refund/"
	statusPath   = base + "terminal/orders/refund-status/"
	approvalPath = "/api/v1/orders/refund/request/approval/"
)

// refundOf builds a refund of "id=amount" parts; the total is given apart.
func refundOf(total string, parts ...string) string {
	for i, p := range parts {
		id, amount, _ := strings.Cut(p, "=")
		parts[i] = fmt.Sprintf(`{"id":%s,"amount":%s}`, id, amount)
	}
	return fmt.Sprintf(`{"type":"regular","grandTotal":%s,"products":[%s],"isReversal":false}`, total, strings.Join(parts, ","))
}

// TestRefundRules tries refunds of one paid order, lines 451 (99.00) and 452 (40.00).
func TestRefundRules(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{Thresholds: &simulator.Thresholds{}})
	uuid := r.create("TRML1")
	for _, c := range []struct {
		body    string
		status  int
		message string
	}{
		{`{}`, 417, "payloadValidationErrors"},
		{refundOf("10", "451=0"), 417, "payloadValidationErrors"},
		{refundOf("10.005", "451=10.005"), 417, "payloadValidationErrors"},
		{refundOf("11", "451=10"), 417, "payloadValidationErrors"},
		{refundOf("10", `"a"=10`), 417, "payloadValidationErrors"},
		{refundOf("10", "451.5=10"), 417, "payloadValidationErrors"},
		{strings.Replace(refundOf("10", "451=10"), "regular", "odd", 1), 417, "payloadValidationErrors"},
		{refundOf("10"), 400, "orderProductsNotFound"},
		{refundOf("10", "453=10"), 400, "requestProductIdNotAvailable"},
		{refundOf("40.01", "452=40.01"), 400, "refundRejectionForProductAmountExceed"},
		{refundOf("50", "452=25", "452=25"), 400, "refundRejectionForProductAmountExceed"},
		{refundOf(`"99.00"`, "451=99"), 202, "terminalOrderRefundRequestSuccessfully"},
		{refundOf("0.01", "451=0.01"), 400, "refundRejectionForProductAmountExceed"},
		{refundOf("39.99", `"452"="39.99"`), 202, "terminalOrderRefundRequestSuccessfully"},
		{refundOf("0.01", "452=0.01"), 202, "terminalOrderRefundRequestSuccessfully"},
		{refundOf("0.01", "452=0.01"), 400, "refundRejectionForRefundedCancelledInvoicedOrderParamRefunded"},
	} {
		r.wantMessage(r.call("POST", refundPath+uuid, c.body), c.status, c.message)
	}
	if o := r.order(uuid); o.Status != simulator.Refunded || len(o.Refunds) != 3 {
		t.Errorf("the order is %s with %d refunds", o.Status, len(o.Refunds))
	}
	var hist struct{ amount, refunded any }
	data, _ := r.call("GET", base+"orders/details/"+uuid, "").body["data"].(map[string]any)
	h, _ := data["paymentHistory"].(map[string]any)
	hist.amount, hist.refunded = h["amount"], h["refunded"]
	if hist.amount != 139.0 || hist.refunded != 139.0 {
		t.Errorf("payment history: %v", h)
	}
}

// TestRefundNeedsAPayment asks for refunds of orders in the wrong status.
func TestRefundNeedsAPayment(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	uuid := r.create("TRML1")
	for status, message := range map[simulator.OrderStatus]string{
		simulator.Sent:      "refundRejectionForTransactionNotFound",
		simulator.Expired:   "refundRejectionForTransactionNotFound",
		simulator.Cancelled: "refundRejectionForRefundedCancelledInvoicedOrderParamCancelled",
		simulator.Refunded:  "refundRejectionForRefundedCancelledInvoicedOrderParamRefunded",
		simulator.Invoiced:  "refundRejectionForRefundedCancelledInvoicedOrderParamInvoiced",
	} {
		if err := r.sim.SetStatus(uuid, status); err != nil {
			t.Fatal(err)
		}
		r.wantMessage(r.call("POST", refundPath+uuid, refundOf("10", "451=10")), 400, message)
	}
	if r.sim.SetStatus(uuid, "LOST") == nil || r.sim.SetStatus("ODR0", simulator.Paid) == nil {
		t.Error("a status or an order that does not exist is taken")
	}
}

// TestRefundReplies compares the replies around one refund with the documents'.
func TestRefundReplies(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{RefundCustomer: simulator.WalkAway()})
	uuid := r.create("TRML1")
	r.want(r.call("POST", statusPath+uuid, ""), 404, notFoundErrors)
	r.want(r.call("POST", refundPath+uuid, refundOf("42", "451=42")), 202,
		`{"status_code":202,"status_message":"OK","message":"terminalOrderRefundRequestSuccessfully","is_data":false,"data":null}`)
	pending := `{"status_code":200,"status_message":"OK","refund_status":"PENDING","message":"Order Status Retrieved Successfully","is_data":false,"data":null}`
	r.want(r.call("POST", statusPath+uuid, ""), 200, pending)
	r.want(r.call("GET", statusPath+uuid, ""), 200, pending)
	r.want(r.call("POST", refundPath+uuid, refundOf("1", "451=1")), 510, busyReply)
	r.want(r.call("POST", base+"terminal/orders/create", r.payload("TRML1")), 510, busyReply)
	rejected := `"message":"refundRequestRejectedSuccessfully","is_data":false,"data":null}`
	r.want(r.call("POST", base+"terminal/orders/cancel/"+uuid, `{"type":"refund"}`), 200, `{"status_code":200,"status_message":"OK",`+rejected)
	r.want(r.call("POST", statusPath+uuid, ""), 200, `{"status_code":200,"status_message":"OK","refund_status":"REJECTED",`+rejected)
	r.want(r.call("POST", base+"terminal/orders/cancel/"+uuid, `{"type":"refund"}`), 404, notFoundData)
	if got := r.order(uuid).Status; got != simulator.Paid {
		t.Errorf("after the cancel the order is %s", got)
	}
	reversal := strings.Replace(refundOf("139", "451=99", "452=40"), "false", "true", 1)
	r.want(r.call("POST", refundPath+uuid, reversal), 200,
		`{"status_code":200,"status_message":"OK","message":"terminalOrderReversalSuccessfully","is_data":false,"data":null}`)
	r.want(r.call("POST", statusPath+uuid, ""), 200,
		`{"status_code":200,"status_message":"OK","refund_status":"REFUNDED","message":"orderRefundedSuccessfully","is_data":false,"data":null}`)
	if got := r.order(uuid).Status; got != simulator.Refunded {
		t.Errorf("after the reversal the order is %s", got)
	}
}

// TestThresholds: NOK 5000 is allowed and a krone more is not; three a week are,
// rejected ones apart, and the fourth when the first is a week old.
func TestThresholds(t *testing.T) {
	t.Parallel()
	now := time.Date(2020, 11, 20, 9, 0, 0, 0, time.UTC)
	r := newRig(t, simulator.Options{Clock: func() time.Time { return now }})
	uuid := r.create("TRML1", `"amount": 99.00`, `"amount": 9900.00`, `"grandTotal": "139.00"`, `"grandTotal": 9940`)
	refund := func(amount string) answer { return r.call("POST", refundPath+uuid, refundOf(amount, "451="+amount)) }
	r.wantMessage(refund("5000.01"), 400, "refundRejectionForRequestAmountThresholdExceed")
	if err := r.sim.SetRefundCustomer("TRML1", simulator.Decline(0)); err != nil {
		t.Fatal(err)
	}
	r.wantMessage(refund("1"), 202, "terminalOrderRefundRequestSuccessfully")
	if err := r.sim.SetRefundCustomer("TRML1", simulator.Pay(0)); err != nil {
		t.Fatal(err)
	}
	for _, amount := range []string{"4000", "5000", "1"} {
		r.wantMessage(refund(amount), 202, "terminalOrderRefundRequestSuccessfully")
	}
	now = now.Add(7*24*time.Hour - 1)
	r.wantMessage(refund("1"), 400, "refundRejectionForWeeklyThresholdExceed")
	now = now.Add(1)
	r.wantMessage(refund("1"), 202, "terminalOrderRefundRequestSuccessfully")
	r.wantMessage(refund("6"), 202, "terminalOrderRefundRequestSuccessfully")
	r.sim.SetThresholds(simulator.Thresholds{Amount: decimal.MustNew(5, 0)})
	r.wantMessage(refund("6"), 400, "refundRejectionForRequestAmountThresholdExceed")
}

// TestApprovals checks the page "Request Refund Approval".
func TestApprovals(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	uuid := r.create("TRML1")
	ask := func(kind, more string) answer {
		return r.call("POST", approvalPath+uuid,
			`{"type":"`+kind+`","grandTotal":55,"message":"why","products":[{"id":451,"amount":30},{"id":452,"amount":25}]`+more+`}`)
	}
	r.want(ask("odd", ""), 417, invalid)
	r.want(ask("reservation", ""), 417, invalid)
	r.want(ask("reservation", `,"source":"charged"`), 417, invalid)
	r.want(ask("reservation", `,"source":"else","reference":"CHA1"`), 417, invalid)
	r.want(ask("reservation", `,"source":"charged","reference":"CHA1"`), 201,
		`{"status_code":201,"status_message":"OK","message":"requestedOrderRefundSuccessfully","is_data":false,"data":null}`)
	r.want(ask("regular", ""), 400,
		`{"status_code":400,"status_message":"Conflict of Business Logic","message":"orderRefundRequestAlreadySubmitted","is_data":false,"data":null}`)
	r.want(r.call("POST", base+"terminal/orders/cancel/"+uuid, `{"type":"refund"}`), 404, notFoundData)
	// What is asked for counts as spent, and the terminal is not needed for it.
	r.wantMessage(r.call("POST", refundPath+uuid, refundOf("69.01", "451=69.01")), 400, "refundRejectionForProductAmountExceed")
	r.wantMessage(r.call("POST", refundPath+uuid, refundOf("69", "451=69")), 202, "terminalOrderRefundRequestSuccessfully")
	for status, word := range map[simulator.OrderStatus]string{
		simulator.Refunded: "Refunded", simulator.Cancelled: "Cancelled", simulator.Invoiced: "Invoiced",
	} {
		uuid = r.create("TRML2")
		if err := r.sim.SetStatus(uuid, status); err != nil {
			t.Fatal(err)
		}
		r.want(ask("regular", ""), 400, `{"status_code":400,"status_message":"Conflict of Business Logic",
			"message":"refundRejectionForRefundedCancelledInvoicedOrderParam`+word+`","is_data":false,"data":null}`)
	}
}

// TestSettledRefunds decides what the customers leave undecided.
func TestSettledRefunds(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{RefundCustomer: simulator.WalkAway()})
	uuid := r.create("TRML1")
	for _, c := range []struct {
		deed simulator.Deed
		want simulator.RefundStatus
	}{{simulator.Declines, simulator.RefundRejected}, {simulator.Pays, simulator.RefundDone}} {
		r.wantMessage(r.call("POST", refundPath+uuid, refundOf("42", "451=42")), 202, "terminalOrderRefundRequestSuccessfully")
		if settled, err := r.sim.SettleRefund(uuid, c.deed); !settled || err != nil {
			t.Errorf("%s: %v, %v", c.deed, settled, err)
		}
		if all := r.order(uuid).Refunds; all[len(all)-1].Status != c.want {
			t.Errorf("%q leaves %+v", c.deed, all)
		}
	}
	if settled, err := r.sim.SettleRefund(uuid, simulator.Pays); settled || err != nil {
		t.Errorf("settled twice: %v, %v", settled, err)
	}
	if _, err := r.sim.SettleRefund("ODR0", simulator.Pays); err == nil {
		t.Error("a refund of no order is settled")
	}
}
