package bench

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/internal/proctest"
	"tillpost/outbox/outboxtest"
)

const (
	basePath   = "/api/v1"
	createPath = basePath + "/connect/terminal/orders/create"
	// stuck is the terminal whose customers never pay.
	stuck = "TRML-STUCK"
	// afterKept is above the numbers of all orders that an outbox is filled with.
	afterKept = 1_000_000
	// idKey comes before an order's id in its body.
	idKey = `"customerNotes":"`
)

// fakeAPI answers as the API does and costs next to nothing, so that the agent is measured. Orders are paid at once,
// but for those on the stuck terminal.
type fakeAPI struct {
	addr      string
	terminals int
	orders    atomic.Int64
	paid      atomic.Int64
	// arrived is called when an order's body has been read; set before the first order.
	arrived func(id string, at time.Time)
	unpaid  sync.Map // order uuids that stay so
}

func startAPI(tb testing.TB) *fakeAPI {
	tb.Helper()
	ln, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	f := newAPI(ln.Addr().String())
	proctest.Serve(tb, ln, f)
	return f
}

// newAPI makes one that is served at an address by its caller.
func newAPI(addr string) *fakeAPI {
	return &fakeAPI{addr: addr, terminals: 64, arrived: func(string, time.Time) {}}
}

// ServeHTTP implements http.Handler.
func (f *fakeAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch path := strings.TrimPrefix(r.URL.Path, basePath+"/connect/"); {
	case path == "terminal/orders/create":
		f.create(w, r)
	case strings.HasPrefix(path, "terminal/orders/payment-status/"):
		f.status(w, path[strings.LastIndexByte(path, '/')+1:])
	case strings.HasPrefix(path, "terminal/lists/"):
		var list []string
		for i := range f.terminals {
			list = append(list, fmt.Sprintf(`{"uuid":%q,"name":"T","status":"Active","organization_uuid":"ORG1"}`, terminal(i)))
		}
		list = append(list, fmt.Sprintf(`{"uuid":%q,"name":"T","status":"Active","organization_uuid":"ORG1"}`, stuck))
		_, _ = fmt.Fprintf(w, `{"status_code":200,"status_message":"OK","message":"terminalsRetrievedSuccessfully","is_error":false,"errors":null,"data":[%s]}`, strings.Join(list, ","))
	default:
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"status_code":404,"message":"Order Not Found","is_error":true,"errors":null,"data":null}`)
	}
}

func (f *fakeAPI) create(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	at := time.Now()
	if _, rest, ok := bytes.Cut(body, []byte(idKey)); ok {
		id, _, _ := bytes.Cut(rest, []byte(`"`))
		f.arrived(string(id), at)
	}
	uuid := outboxtest.OrderUUID(afterKept + int(f.orders.Add(1))) // they come in no order, as the API's own
	if bytes.Contains(body, []byte(stuck)) {
		f.unpaid.Store(uuid, true)
	}
	w.WriteHeader(http.StatusCreated)
	_, _ = fmt.Fprintf(w, `{"status_code":201,"status_message":"OK","message":"terminalOrderAddedSuccessfully","is_error":false,"errors":null,"data":{"orderUuid":%q}}`, uuid)
}

func (f *fakeAPI) status(w http.ResponseWriter, uuid string) {
	if _, wait := f.unpaid.Load(uuid); wait {
		_, _ = io.WriteString(w, `{"status_code":200,"message":"orderStatusRetrievedSuccessfully","is_error":false,"order_status":"SENT"}`)
		return
	}
	f.paid.Add(1)
	_, _ = io.WriteString(w, `{"status_code":200,"message":"orderPaymentConfirmed","is_error":false,"order_status":"PAID"}`)
}

func terminal(i int) string { return fmt.Sprintf("TRML-%04d", i) }

// order returns a payload for the API of about 1 KB, the size that tills send, without a date.
func order(id string) []byte {
	return []byte(`{"products":{"0":{"name":"Hair Wash","productId":"VFDDF","quantity":"1","rate":42,"discount":0,"tax":"0","amount":42},` +
		`"1":{"name":"Shampoo, 250 ml","productId":"SH250","quantity":"2","rate":99.5,"discount":0,"tax":"0","amount":199}},` +
		`"orderSummary":{"subTotal":"241.00","totalTax":"0.00","totalDiscount":"0.00","grandTotal":"241.00"},` +
		`"sendOrderBy":{"sms":false,"email":true},"receiptPrint":false,` +
		`"customerDetails":{"type":"private","countryCode":"+47","msisdn":"46567468","email":"customer@email.com","customerUuid":null,` +
		`"name":"Kari Nordmann","preferredLanguage":"en","personalNumber":null,"organizationId":null,` +
		`"address":{"street":"Luramyrveien 65","zip":"4313","city":"Sandnes","country":"NO"}},` +
		`"invoiceReferences":{"referenceNo":"","customerReference":"3500",` + idKey + id + `","tnc":"` + strings.Repeat("x", 120) + `"}}`)
}
