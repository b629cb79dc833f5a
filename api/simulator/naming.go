package simulator

import (
	"net/http"
	"strings"
)

// defaultNaming names all that is personal in an order.
const defaultNaming = "customer {name} in {street} is not welcome; call {phone} or write to {mail}"

// RefuseNaming refuses without acting, in a sentence that names the customer of the
// order that the call is about, whether or not the call itself spoke of one. In
// message {name}, {phone}, {mail} and {street} stand for the customer's; "" is a
// sentence with all of them. They are in the errors, too.
func RefuseNaming(code int, message string) Action {
	return Action{Kind: KindRefuseNaming, Code: code, Message: message}
}

// naming returns that refusal. A call about no order names the customer of the last one.
func (s *Simulator) naming(req *request, act Action) reply {
	customer, _ := req.payload["customerDetails"].(map[string]any)
	if o := s.orders[req.uuid]; customer == nil && o != nil {
		customer, _ = o.payload["customerDetails"].(map[string]any)
	}
	for i := len(s.list) - 1; customer == nil && i >= 0; i-- {
		customer, _ = s.list[i].payload["customerDetails"].(map[string]any)
	}
	message := act.Message
	if message == "" {
		message = defaultNaming
	}
	code := act.Code
	if code == 0 {
		code = http.StatusBadRequest
	}
	address, _ := customer["address"].(map[string]any)
	text := func(m map[string]any, key string) string { v, _ := m[key].(string); return v }
	message = strings.NewReplacer("{name}", text(customer, "name"), "{phone}", text(customer, "msisdn"),
		"{mail}", text(customer, "email"), "{street}", text(address, "street")).Replace(message)
	rep := failure(code, statusConflict, message)
	rep.fields[len(rep.fields)-1].value = map[string][]string{"customerDetails": {message}}
	return rep
}
