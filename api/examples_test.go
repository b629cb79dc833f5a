package api

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// The files in testdata are the documents' own example replies.
func TestDocumentedReplies(t *testing.T) {
	t.Parallel()
	tests := []struct {
		file    string
		op      Operation
		status  int
		outcome Outcome
		code    string
	}{
		{"terminals.json", OpListTerminals, 200, OutcomeAccepted, "terminalsRetrievedSuccessfully"},
		{"created.json", OpCreate, 201, OutcomeAccepted, "terminalOrderAddedSuccessfully"},
		{"broken.json", OpCreate, 510, OutcomeAmbiguous, "somethingWentWrong"},
		{"broken.json", OpRefund, 510, OutcomeAmbiguous, "somethingWentWrong"},
		{"broken.json", OpApproval, 510, OutcomeAmbiguous, "somethingWentWrong"},
		{"broken_sentence.json", OpPaymentStatus, 510, OutcomeAmbiguous, "somethingWentWrong"},
		{"validation.json", OpCreate, 417, OutcomeRefused, "payloadValidationErrors"},
		{"validation.json", OpRefund, 417, OutcomeRefused, "payloadValidationErrors"},
		{"cancelled.json", OpCancel, 200, OutcomeAccepted, "cancelledOrderSuccessfully"},
		{"already_paid.json", OpCancel, 400, OutcomeRefused, "orderStatusAlreadyPaid"},
		{"not_found.json", OpCancel, 404, OutcomeNotFound, "orderNotFound"},
		{"not_found.json", OpRefund, 404, OutcomeNotFound, "orderNotFound"},
		{"not_found.json", OpPaymentStatus, 404, OutcomeNotFound, "orderNotFound"},
		{"resent.txt", OpResend, 202, OutcomeAccepted, "orderSentSuccessfully"},
		{"busy.json", OpResend, 510, OutcomeBusy, "terminalIsBusy"},
		{"busy.json", OpCreate, 510, OutcomeBusy, "terminalIsBusy"},
		{"paid.txt", OpPaymentStatus, 200, OutcomeAccepted, "orderPaymentConfirmed"},
		{"declined.txt", OpPaymentStatus, 200, OutcomeAccepted, "orderPaymentFailed"},
		{"refund_taken.json", OpRefund, 202, OutcomeAccepted, "terminalOrderRefundRequestSuccessfully"},
		{"reversed.json", OpRefund, 200, OutcomeAccepted, "terminalOrderReversalSuccessfully"},
		{"product_missing.json", OpRefund, 400, OutcomeRefused, "requestProductIdNotAvailable"},
		{"refunded.json", OpRefundStatus, 200, OutcomeAccepted, "orderRefundedSuccessfully"},
		{"refund_rejected.json", OpRefundStatus, 200, OutcomeAccepted, "refundRequestRejectedSuccessfully"},
		{"approval_taken.json", OpApproval, 201, OutcomeAccepted, "requestedOrderRefundSuccessfully"},
		{"approval_before.json", OpApproval, 400, OutcomeRefused, "orderRefundRequestAlreadySubmitted"},
	}
	for _, tt := range tests {
		t.Run(tt.file+"/"+string(tt.op), func(t *testing.T) {
			t.Parallel()
			c := serve(t, answer(tt.status, testdata(t, tt.file)))
			r := invoke(t, c, tt.op)
			wantOutcome(t, tt.file, r, tt.outcome)
			if r.Code != tt.code || r.HTTPStatus != tt.status || r.Message == "" {
				t.Errorf("reply %+v, want code %s and status %d", r, tt.code, tt.status)
			}
		})
	}
}

// invoke makes the call of an operation and drops its value.
func invoke(t *testing.T, c *Client, op Operation) (r Reply) {
	t.Helper()
	ctx := t.Context()
	switch op {
	case OpListTerminals:
		_, r = c.ListTerminals(ctx)
	case OpCreate:
		_, r = c.CreateOrder(ctx, nil, []byte(`{}`))
	case OpCancel:
		r = c.Cancel(ctx, "ODR1", CancelPayment)
	case OpResend:
		r = c.Resend(ctx, "ODR1")
	case OpPaymentStatus:
		_, r = c.PaymentStatus(ctx, "ODR1")
	case OpRefund:
		_, r = c.Refund(ctx, nil, "ODR1", []byte(`{}`))
	case OpRefundStatus:
		_, r = c.RefundStatus(ctx, "ODR1")
	case OpApproval:
		r = c.RequestApproval(ctx, nil, "ODR1", []byte(`{}`))
	case OpOrderStatuses:
		r = c.OrderStatuses(ctx, "", func(OrderStatus) error { return nil })
	case OpOrderStatus:
		_, r = c.OrderStatus(ctx, "ODR1")
	case OpOrderDetails:
		_, r = c.OrderDetails(ctx, "ODR1")
	default:
		t.Fatalf("no call for %s", op)
	}
	return r
}

func TestPathsAndHeaders(t *testing.T) {
	t.Parallel()
	want := map[Operation]string{
		OpListTerminals: "GET /api/v1/connect/terminal/lists/ORG2074299506",
		OpCreate:        "POST /api/v1/connect/terminal/orders/create",
		OpCancel:        "POST /api/v1/connect/terminal/orders/cancel/ODR1",
		OpResend:        "POST /api/v1/connect/terminal/orders/resend/ODR1",
		OpPaymentStatus: "GET /api/v1/connect/terminal/orders/payment-status/ODR1",
		OpRefund:        "POST /api/v1/connect/terminal/orders/refund/ODR1",
		OpRefundStatus:  "POST /api/v1/connect/terminal/orders/refund-status/ODR1",
		OpApproval:      "POST /api/v1/orders/refund/request/approval/ODR1",
		OpOrderStatuses: "GET /api/v1/connect/orders/status",
		OpOrderStatus:   "GET /api/v1/connect/orders/status/ODR1",
		OpOrderDetails:  "GET /api/v1/connect/orders/details/ODR1",
	}
	for _, op := range Operations() {
		t.Run(string(op), func(t *testing.T) {
			t.Parallel()
			seen := make(chan *http.Request, 1)
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				seen <- r
				w.WriteHeader(http.StatusNotFound)
			})
			invoke(t, c, op)
			r := <-seen
			if got := r.Method + " " + r.RequestURI; got != want[op] {
				t.Errorf("called %q, want %q", got, want[op])
			}
			if r.Header.Get("Authorization") != "Bearer "+secret || r.UserAgent() != "tillpost" || r.ProtoMajor != 1 {
				t.Errorf("headers %v over %s", r.Header, r.Proto)
			}
			for name := range r.Header {
				if strings.Contains(strings.ToLower(name), "idempotency") {
					t.Errorf("header %s would let a transport repeat the call", name)
				}
			}
			if op.Submits() != (r.Header.Get("Connection") == "close") {
				t.Errorf("Connection: %q", r.Header.Get("Connection"))
			}
		})
	}
}

func TestDocumentedValues(t *testing.T) {
	t.Parallel()
	file := func(name string, status int) *Client { return serve(t, answer(status, testdata(t, name))) }
	if uuid, _ := file("created.json", 201).CreateOrder(t.Context(), nil, []byte(`{}`)); uuid != "ODR123456789" {
		t.Errorf("order uuid %q", uuid)
	}
	list, _ := file("terminals.json", 200).ListTerminals(t.Context())
	if want := []Terminal{{UUID: "TRML1914739698", Name: "Oslo Terminal", Active: true, Organization: "ORG2074299506"}}; !slices.Equal(list, want) {
		t.Errorf("terminals %+v", list)
	}
	for name, want := range map[string]PaymentState{
		"paid.txt": PaymentPaid, "declined.txt": PaymentDeclined, "paid_updated.json": PaymentPaid, "status_cancelled.json": PaymentCancelled,
	} {
		if s, r := file(name, 200).PaymentStatus(t.Context(), "ODR1"); s.State != want {
			t.Errorf("%s: %+v (%+v), want %v", name, s, r, want)
		}
	}
	for name, want := range map[string]RefundState{"refunded.json": RefundDone, "refund_rejected.json": RefundRejected, "refund_taken.json": RefundPending} {
		if s, r := file(name, 200).RefundStatus(t.Context(), "ODR1"); s != want {
			t.Errorf("%s: %+v (%+v), want %v", name, s, r, want)
		}
	}
	if final, _ := file("reversed.json", 200).Refund(t.Context(), nil, "ODR1", []byte(`{}`)); !final {
		t.Error("a reversal's 200 is final")
	}
	if final, _ := file("refund_taken.json", 202).Refund(t.Context(), nil, "ODR1", []byte(`{}`)); final {
		t.Error("a refund's 202 is not final")
	}
}
