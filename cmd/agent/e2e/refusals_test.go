package e2e

import (
	"fmt"
	"strings"
	"testing"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

// refusalCase is a refusal that the API's documents name.
type refusalCase struct {
	op      simulator.Operation
	code    int
	message string // as the API writes it
	told    string // as the till sees it; "" is the same
	extra   string // what a refund adds to the request
}

const (
	conflict = 400
	missing  = 404
	invalid  = 417
)

var refusalCases = []refusalCase{
	{op: simulator.OpCreate, code: invalid, message: "payloadValidationErrors"},
	{op: simulator.OpCreate, code: invalid, message: "Payload Validation Errors", told: "payloadValidationErrors"},
	{op: simulator.OpRefund, code: conflict, message: "requestProductIdNotAvailable"},
	{op: simulator.OpRefund, code: conflict, message: "orderProductsNotFound"},
	{op: simulator.OpRefund, code: conflict, message: "refundRejectionForProductAmountExceed"},
	{op: simulator.OpRefund, code: conflict, message: "refundRejectionForRequestAmountThresholdExceed"},
	{op: simulator.OpRefund, code: conflict, message: "refundRejectionForWeeklyThresholdExceed"},
	{op: simulator.OpRefund, code: conflict, message: "refundRejectionForOutOfRunwayParam:12.50", told: "refundRejectionForOutOfRunwayParam"},
	{op: simulator.OpRefund, code: conflict, message: "refundRejectionForRefundRequestGreaterThanOrderAmount"},
	{op: simulator.OpRefund, code: conflict, message: "refundRejectionForTransactionNotFound"},
	{op: simulator.OpRefund, code: missing, message: "orderNotFound"},
	{op: simulator.OpRefund, code: missing, message: "Order Not Found", told: "orderNotFound"},
	{op: simulator.OpRefund, code: invalid, message: "payloadValidationErrors"},
	{op: simulator.OpRefund, code: conflict, message: "orderProductsNotFound", extra: `,"isReversal":true`},
	{op: simulator.OpApproval, code: conflict, message: "refundRejectionForRefundedCancelledInvoicedOrderParamRefunded"},
	{op: simulator.OpApproval, code: conflict, message: "refundRejectionForRefundedCancelledInvoicedOrderParamCancelled"},
	{op: simulator.OpApproval, code: conflict, message: "refundRejectionForRefundedCancelledInvoicedOrderParamInvoiced"},
	{op: simulator.OpApproval, code: conflict, message: "orderRefundRequestAlreadySubmitted"},
	{op: simulator.OpApproval, code: missing, message: "orderNotFound"},
	{op: simulator.OpApproval, code: invalid, message: "payloadValidationErrors"},
	{op: simulator.OpCancel, code: missing, message: "orderNotFound"},
	{op: simulator.OpCancel, code: conflict, message: "orderStatusAlreadyPaid"},
	{op: simulator.OpCancel, code: invalid, message: "payloadValidationErrors"},
	{op: simulator.OpResend, code: missing, message: "orderNotFound"},
	{op: simulator.OpPaymentStatus, code: missing, message: "orderNotFound"},
}

// refused has the next call of an operation refused, and sends a request that makes it.
func (w *world) refused(c refusalCase, id, sale, product, foreign string) (at string) {
	w.Helper()
	text := map[int]string{conflict: "Conflict of Business Logic", missing: "Not Found", invalid: "Client Error"}[c.code]
	w.Sim.Inject(simulator.Fault{Operation: c.op, Do: simulator.Refuse(c.code, text, c.message)})
	switch c.op {
	case simulator.OpCreate:
		w.Order(terminal(0), id)
		return terminal(0)
	case simulator.OpRefund:
		w.Send(terminal(0), "refunds", fmt.Sprintf(`{"requestId":%q,"orderUuid":%q,"refund":{"type":"regular","grandTotal":1,"products":[{"id":%s,"amount":1}]%s}}`, id, sale, product, c.extra))
		return terminal(0)
	case simulator.OpApproval:
		w.Send(terminal(0), "approvals", fmt.Sprintf(`{"requestId":%q,"orderUuid":%q,"approval":{"type":"regular","grandTotal":1,"message":"spoilt","products":[{"id":%s,"amount":1}]}}`, id, sale, product))
		return terminal(0)
	case simulator.OpCancel:
		w.Send(terminal(1), "cancels", fmt.Sprintf(`{"requestId":%q,"orderUuid":%q,"type":"payment"}`, id, foreign))
	case simulator.OpResend:
		w.Send(terminal(1), "resends", fmt.Sprintf(`{"requestId":%q,"orderUuid":%q}`, id, foreign))
	default:
		w.Send(terminal(1), "checks", fmt.Sprintf(`{"requestId":%q,"orderUuid":%q}`, id, foreign))
	}
	return terminal(1)
}

// Every refusal that the documents name is published by its name, is final, and holds nobody up.
func TestEveryRefusalIsToldByItsName(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	sale := w.Sale(terminal(0), "sale")
	product := w.productOf(sale)
	foreign := w.foreign(terminal(1))
	for i, c := range refusalCases {
		id := fmt.Sprintf("refused-%d", i)
		at := w.refused(c, id, sale, product, foreign)
		s := w.UntilStatus(at, id, "final", func(s status) bool { return s.Final })
		want := c.told
		if want == "" {
			want = c.message
		}
		if s.State != "rejected" || s.ReasonCode() != want || s.Reason.HTTPStatus != c.code || s.Reason.Message == "" {
			t.Errorf("%s, %d %s: told %s, reason %+v", c.op, c.code, c.message, s.State, s.Reason)
		}
		if len(w.Sim.Faults()) > 0 {
			t.Errorf("%s was not called", c.op)
		}
		if at == terminal(0) {
			w.Sale(terminal(0), "after-"+id)
		}
	}
	if o, _ := w.Sim.Order(sale); len(o.Refunds) != 0 {
		t.Errorf("refunds of the sale: %+v", o.Refunds)
	}
	if o, _ := w.Sim.Order(foreign); o.Status != simulator.Sent {
		t.Errorf("the other till's order is %s", o.Status)
	}
}

// The API's general failure says nothing: what creates or pays is in doubt, everything else is tried again.
func TestTheGeneralFailureDecidesNothing(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Terminals: 5})
	failure := func(op simulator.Operation, terminal string) {
		w.Sim.Inject(simulator.Fault{Operation: op, Terminal: terminal, Do: simulator.Refuse(510, "Execution Exception Occurred", "Something Went Wrong")})
	}
	sale := w.Sale(terminal(1), "sale")
	w.Sale(terminal(2), "sale-2")
	failure(simulator.OpCreate, terminal(0))
	w.Order(terminal(0), "order")
	failure(simulator.OpRefund, terminal(1))
	w.Send(terminal(1), "refunds", fmt.Sprintf(`{"requestId":"refund","orderUuid":%q,"full":true}`, sale))
	failure(simulator.OpApproval, terminal(2))
	w.Send(terminal(2), "approvals", strings.Replace(`{"requestId":"approval","orderRequestId":"sale-2","approval":{"type":"regular","grandTotal":1,"message":"spoilt","products":[{"id":ID,"amount":1}]}}`,
		"ID", w.productOf(w.Now(terminal(2), "sale-2").OrderUUID), 1))
	for i, id := range []string{"order", "refund", "approval"} {
		if s := w.UntilState(terminal(i), id, "in_doubt"); s.Waits() != "checking" {
			t.Errorf("%s waits for %q", id, s.Waits())
		}
	}
	apiError := func(s status) bool { return s.Waits() == "apiError" }
	w.Must(w.Sim.SetCustomer(terminal(3), simulator.WalkAway()))
	foreign := w.foreign(terminal(3))
	failure(simulator.OpResend, terminal(3))
	w.Send(terminal(3), "resends", fmt.Sprintf(`{"requestId":"resend","orderUuid":%q}`, foreign))
	w.UntilTold("resend", "waiting for apiError", apiError)
	failure(simulator.OpPaymentStatus, terminal(3))
	w.Send(terminal(3), "checks", fmt.Sprintf(`{"requestId":"check","orderUuid":%q}`, foreign))
	w.UntilTold("check", "waiting for apiError", apiError)
	w.UntilState(terminal(3), "resend", "done")
	w.UntilState(terminal(3), "check", "done")
	failure(simulator.OpCancel, terminal(3))
	w.Send(terminal(3), "cancels", fmt.Sprintf(`{"requestId":"cancel","orderUuid":%q,"type":"payment"}`, foreign))
	w.UntilTold("cancel", "waiting for apiError", apiError)
	w.UntilState(terminal(3), "cancel", "done")
	failure(simulator.OpPaymentStatus, terminal(4))
	w.Sale(terminal(4), "asked-twice")
}

// An approval that was granted while nobody knew that it was asked for is not taken for a refund.
func TestAnApprovalGrantedInDoubt(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{Settings: shoptest.Settings{"policy.doubt_check": "1s", "policy.doubt_hold": "12s"}})
	uuid := w.Sale(terminal(0), "sale")
	w.Sim.SetApprover(simulator.Grant(0))
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpApproval, Do: simulator.DropAfter()})
	w.Send(terminal(0), "approvals", fmt.Sprintf(`{"requestId":"approval","orderUuid":%q,"approval":{"type":"regular","grandTotal":42,"message":"spoilt","products":[{"id":%s,"amount":42}]}}`, uuid, w.productOf(uuid)))
	s := w.UntilStatus(terminal(0), "approval", "final", func(s status) bool { return s.Final })
	if s.State != "submitted" && s.State != "unresolved" {
		t.Errorf("the approval is %s", s.State)
	}
	if n := w.Sim.Count(simulator.OpApproval); n != 1 {
		t.Errorf("%d approvals asked for, want 1", n)
	}
}
