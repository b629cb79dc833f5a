package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// Operation names an operation of the API.
type Operation string

// The operations of the API. OpCancel is both of payments and of refunds. OpCallback
// is not one that is called, but the call that the API makes; faults may name it.
const (
	OpListTerminals Operation = "list_terminals"
	OpCreate        Operation = "create"
	OpCancel        Operation = "cancel"
	OpResend        Operation = "resend"
	OpPaymentStatus Operation = "payment_status"
	OpRefund        Operation = "refund"
	OpRefundStatus  Operation = "refund_status"
	OpApproval      Operation = "approval"
	OpOrderStatuses Operation = "order_statuses"
	OpOrderStatus   Operation = "order_status"
	OpOrderDetails  Operation = "order_details"
	OpCallback      Operation = "callback"
	OpUnknown       Operation = "unknown" // a path that the API does not have
)

// route is one line of the API's map. A path ending in "/" is followed by a uuid.
type route struct {
	path    string
	op      Operation
	methods []string
}

// routes is the API's map. The documents have refund-status as POST, a public
// client calls it by GET: both are served.
var routes = []route{
	{"connect/terminal/lists/", OpListTerminals, []string{http.MethodGet}},
	{"connect/terminal/orders/create", OpCreate, []string{http.MethodPost}},
	{"connect/terminal/orders/cancel/", OpCancel, []string{http.MethodPost}},
	{"connect/terminal/orders/resend/", OpResend, []string{http.MethodPost}},
	{"connect/terminal/orders/payment-status/", OpPaymentStatus, []string{http.MethodGet}},
	{"connect/terminal/orders/refund/", OpRefund, []string{http.MethodPost}},
	{"connect/terminal/orders/refund-status/", OpRefundStatus, []string{http.MethodPost, http.MethodGet}},
	{"orders/refund/request/approval/", OpApproval, []string{http.MethodPost}},
	{"connect/orders/status", OpOrderStatuses, []string{http.MethodGet}},
	{"connect/orders/status/", OpOrderStatus, []string{http.MethodGet}},
	{"connect/orders/details/", OpOrderDetails, []string{http.MethodGet}},
}

// request is one call, read in full.
type request struct {
	op      Operation
	method  string
	allowed []string // the methods of op, where method is not one of them
	uri     string
	uuid    string // the last path segment of operations that have one
	token   string
	query   url.Values
	body    []byte
	payload map[string]any // nil where the body is no JSON object
}

// parseRequest reads a call. A body without the content type of JSON is not read as
// JSON, as with the real API's framework.
func parseRequest(r *http.Request, body []byte) *request {
	req := &request{op: OpUnknown, method: r.Method, uri: r.URL.RequestURI(), query: r.URL.Query(), body: body}
	req.token, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	_, path, _ := strings.Cut(r.URL.Path, "/api/v1/")
	for _, rt := range routes {
		rest, ok := strings.CutPrefix(path, rt.path)
		if !ok || strings.HasSuffix(rt.path, "/") == (rest == "") || strings.Contains(rest, "/") {
			continue
		}
		req.op, req.uuid = rt.op, rest
		if !slices.Contains(rt.methods, r.Method) {
			req.allowed = rt.methods
		}
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/json" {
		req.payload = parseObject(body)
	}
	return req
}

// parseObject reads exactly one JSON object, with the digits of its numbers kept;
// nil if the text is anything else.
func parseObject(body []byte) map[string]any {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		return nil
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil
	}
	return v
}

// handle carries a call out. The lock is held.
func (s *Simulator) handle(req *request) reply {
	if req.allowed != nil {
		return methodNotAllowed(req.allowed)
	}
	if methods := s.unsaid.refuses(req); methods != nil {
		return methodNotAllowed(methods)
	}
	switch req.op {
	case OpListTerminals:
		return s.listTerminals(req)
	case OpCreate:
		return s.create(req)
	case OpCancel:
		return s.cancelOrder(req)
	case OpResend:
		return s.resend(req)
	case OpPaymentStatus:
		return s.paymentStatus(req)
	case OpRefund:
		return s.refund(req)
	case OpRefundStatus:
		return s.refundStatus(req)
	case OpApproval:
		return s.approval(req)
	case OpOrderStatuses:
		return s.orderStatuses(req)
	case OpOrderStatus:
		return s.orderStatus(req)
	case OpOrderDetails:
		return s.orderDetails(req)
	default:
		return notFoundError("Not Found")
	}
}
