package api

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMessagesThatDrift(t *testing.T) {
	t.Parallel()
	plain := scrubberFor(OpCreate, nil)
	for message, want := range map[string]string{
		"somethingWentWrong": "somethingWentWrong", "Something Went Wrong": "somethingWentWrong", "SOMETHING WENT WRONG!": "somethingWentWrong",
		"Order Not Found": "orderNotFound", "order_not_found": "orderNotFound", "terminalIsBusy:TRML1": "terminalIsBusy",
		"refundRejectionForRefundedCancelledInvoicedOrderParam:Refunded": "refundRejectionForRefundedCancelledInvoicedOrderParam",
		"Some New Message": "", "someNewMessage": "someNewMessage", "someNew:value": "someNew", "Unauthenticated.": "unauthenticated",
		"SomeNewMessage": "someNewMessage", "DENIED": "denied", "": "", "…": "", "ÆØÅ": "", "order12": "", "Kari Nordmann": "",
	} {
		if got, _, _ := readMessage(message, plain); got != want {
			t.Errorf("%q: code %q, want %q", message, got, want)
		}
	}
	for _, k := range known {
		if got, m, text := readMessage(k.code, plain); got != k.code || m != k.meaning || text == "" {
			t.Errorf("%s became %q", k.code, got)
		}
	}
	if len(knownByKey) != len(known) {
		t.Error("two known messages are the same but for their writing")
	}
	if _, m, _ := readMessage("refundRejectionForSomethingNew", plain); m != meansRefused {
		t.Error("a refund rejection is a refusal, whatever for")
	}
}

func TestErrorsInAllShapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]FieldError{
		`null`: nil, `"Array"`: {}, `[]`: nil, `{}`: nil, `7`: nil,
		`["too short"]`: {{"", "too short"}},
		`{"orderSummary.grandTotal":["is required","is odd"],"a":"b"}`: {{"a", "b"}, {"orderSummary.grandTotal", "is required"}, {"orderSummary.grandTotal", "is odd"}},
		`[{"field":"x","message":"y"},{"z":1}]`:                        {{"x", "y"}},
		`{"0":"first","1":["second"]}`:                                 {{"", "first"}, {"", "second"}},
	} {
		e := decodeEnvelope([]byte(`{"status_code":417,"message":"x","errors":`+text+`}`), scrubberFor(OpCreate, nil))
		if !slices.Equal(e.errors, want) {
			t.Errorf("%s: %+v, want %+v", text, e.errors, want)
		}
	}
}

func TestPersonalDataIsTakenOut(t *testing.T) {
	t.Parallel()
	body := `{"customerDetails":{"type":"private","name":"Kari Nordmann","msisdn":"46567468","email":"kari@post.example","preferredLanguage":"en","address":{"street":"Luramyrveien 65","city":"Sandnes","country":"NO"}}}`
	reply := `{"status_code":417,"message":"Customer KARI Nordmann (Luramyrveien 65, sandnes) refused","errors":{
		"customerDetails.email":["kari@post.example is taken","other@post.example too"],
		"customerDetails.msisdn":["+47 465 67 468 or 46567468 or 010190-12345 is no number"],
		"customerDetails.type":["must be private or corporate"]}}`
	_, r := serve(t, answer(417, reply)).CreateOrder(t.Context(), nil, []byte(body))
	told := strings.ToLower(fmt.Sprintf("%+v", r))
	for _, secret := range []string{"kari", "nordmann", "luramyrveien", "sandnes", "@", "465", "12345"} {
		if strings.Contains(told, secret) {
			t.Errorf("%q is told: %s", secret, told)
		}
	}
	if len(r.Errors) != 4 || !strings.Contains(told, "must be private or corporate") {
		t.Errorf("what is harmless is lost: %s", told)
	}
}

// Only a call that carried the customer's data has what it takes to clean a sentence of them. Whatever else the API writes
// may name a customer whom the call knows nothing of, so only known messages are published.
func TestFreeTextOfOtherCallsIsNotTold(t *testing.T) {
	t.Parallel()
	reply := `{"status_code":400,"message":"The customer Kari Nordmann in Luramyrveien 65 has no account","errors":{
		"products.0.id":["Kari Nordmann has bought no such product","request product id not available"],
		"Kari Nordmann":["not known"], "refund_kari@post.example":["no"], "4746567468":["no"]}}`
	for _, op := range Operations() {
		if op == OpCreate {
			continue
		}
		e := decodeEnvelope([]byte(reply), scrubberFor(op, []byte(`{"products":[{"id":1,"amount":1}]}`)))
		r := e.reply(op, 400)
		told := strings.ToLower(fmt.Sprintf("%+v", r))
		for _, secret := range []string{"kari", "nordmann", "luramyrveien", "@", "4656"} {
			if strings.Contains(told, secret) {
				t.Errorf("%s tells %q: %s", op, secret, told)
			}
		}
		if r.Code != "" || r.Message == "" {
			t.Errorf("%s: code %q, message %q; a sentence that is not known is no code", op, r.Code, r.Message)
		}
		want := []FieldError{{"products.0.id", "The API refused this field."}, {"products.0.id", "The order has no product with this id."}}
		if !slices.Equal(r.Errors, want) {
			t.Errorf("%s: errors %+v, want %+v", op, r.Errors, want)
		}
	}
}

func TestRepair(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{'a': 'b'}`: `{"a": "b"}`, `['a': 'b']`: `{"a": "b"}`, `["a", ["b": 1], [2]]`: `["a", {"b": 1}, [2]]`,
		`{'a': 'it\'s "so"'}`: `{"a": "it's \"so\""}`, `{"a": "it's [x: 1]"}`: `{"a": "it's [x: 1]"}`, `{'a': 'x\\'}`: `{"a": "x\\"}`,
	} {
		if got := string(repair([]byte(text))); got != want {
			t.Errorf("%s became %s, want %s", text, got, want)
		}
	}
}

var codeForm = regexp.MustCompile(`^[A-Za-z0-9]{0,64}$`)

// Whatever bytes come, reading them ends, keeps its bounds, and never takes a
// reply without an order for an order.
func FuzzReply(f *testing.F) {
	for _, s := range []string{
		"", "null", "{}", "[]", "<html>", created, detailsReply, envelopeText(510, "terminalIsBusy"), envelopeText(404, "Order Not Found"),
		`{'message':'x','data':['orderUuid':'ODR1']}`, "\xEF\xBB\xBF{\"message\":\"\xff\"}", `{"message":7,"data":{"0":{},"00":{}}}`,
		`{"message":"a@b 12345678","errors":{"a":[["x"]],"b":{"c":"d"}},"data":[[[]]]}`, `{"status_code":"2e9","is_error":"true"}`, `{"a":'`, `]]]]::::`,
		strings.Repeat("[", 20000), strings.Repeat(`{"":`, 20000), `{"message":"ok","data":[{"uuid":"ODR1","status":"PAID"}]}`,
	} {
		for _, status := range []int{200, 201, 404, 417, 510} {
			f.Add(status, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		s := &scrubber{echo: echoes(body)}
		e := decodeEnvelope(body, s)
		for _, op := range Operations() {
			r := e.reply(op, status)
			if r.Outcome < OutcomeAccepted || r.Outcome > OutcomeAmbiguous || strings.HasPrefix(r.Outcome.String(), "outcome(") {
				t.Fatalf("no outcome: %+v", r)
			}
			if !codeForm.MatchString(r.Code) || !bounded(r.Message, maxText) || r.Message == "" || len(r.Errors) > maxFieldErrors {
				t.Fatalf("out of bounds: %+v", r)
			}
			for _, fe := range r.Errors {
				if !bounded(fe.Path, maxPath) || !bounded(fe.Message, maxText) {
					t.Fatalf("out of bounds: %+v", fe)
				}
			}
			if (r.Outcome == OutcomeAccepted) && !success(status) {
				t.Fatalf("HTTP %d was taken for a success", status)
			}
		}
		if id := e.orderUUID(); id != "" && !validID(id) {
			t.Fatalf("order uuid %q", id)
		}
		if m, err := e.record("ODR1"); err == nil {
			readDetails(m)
		}
		_, _ = readTerminals(e)
		_, _ = readStatuses(strings.NewReader(string(body)), maxList, func(OrderStatus) error { return nil })
	})
}

func bounded(s string, n int) bool {
	return utf8.ValidString(s) && utf8.RuneCountInString(s) <= n
}
