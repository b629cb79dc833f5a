package chaos_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// sent is a message as a till published it; it repeats the very same bytes.
type sent struct {
	id, kind, terminal, payload string
	ore                         int64
	refers                      string // the order request behind a refund, cancel, …
	outcome                     string // of a resolution
	unheard                     bool   // it was published before the agent had ever subscribed
}

// tills are all the tills of the shop, and what they have published.
type tills struct {
	sent   []sent
	byID   map[string]int
	forgot bool // the broker lost its memory
}

// say publishes a message for the first time.
func (w *world) say(s sent) {
	w.mu.Lock()
	if w.tills.byID == nil {
		w.tills.byID = map[string]int{}
	}
	if _, known := w.tills.byID[s.id]; !known {
		s.unheard = !w.subscribed.Load()
		w.tills.byID[s.id] = len(w.tills.sent)
		w.tills.sent = append(w.tills.sent, s)
	}
	w.noteLocked("the till says %s %s %s %s", s.kind, s.id, s.refers, s.outcome)
	w.mu.Unlock()
	w.publish(s.terminal, s.kind, s.payload)
}

// sentByID returns a message by its requestId; ok is false for one that was never published.
func (w *world) sentByID(id string) (sent, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	i, ok := w.tills.byID[id]
	if !ok {
		return sent{}, false
	}
	return w.tills.sent[i], true
}

func (w *world) allSent() []sent {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]sent(nil), w.tills.sent...)
}

// repeatUntold is what a till does that has not seen its request taken: the refusal was lost with the process or the
// connection, or the broker lost its memory, or knew nobody yet who subscribes. What was acknowledged and is to be taken never needs it, so it is not
// repeated here: nothing may hide a loss.
func (w *world) repeatUntold() {
	time.Sleep(breath) // until the agent has subscribed again
	for _, s := range w.allSent() {
		w.mu.Lock()
		lost := w.tills.forgot || s.unheard || w.refused[s.id]
		w.mu.Unlock()
		if _, told := w.statusOf(s.terminal, s.id); lost && !told {
			w.note("the till repeats %s", s.id)
			w.mu.Lock()
			delete(w.refused, s.id)
			w.mu.Unlock()
			w.publish(s.terminal, s.kind, s.payload)
		}
	}
}

func (w *world) statusOf(terminal, id string) (s told, ok bool) {
	raw, ok := w.broker.Retained("tillpost/terminals/" + terminal + "/status/" + id)
	if ok {
		if err := json.Unmarshal(raw, &s); err != nil {
			w.fail("the status of %s is not JSON: %v", id, err)
		}
	}
	return s, ok
}

func kroner(ore int64) string { return fmt.Sprintf("%d.%02d", ore/100, ore%100) }

// orderOf returns an order of one or two products, by a customer whose name, phone, mail and address must never be published.
func orderOf(r *draw, id string, ore int64, marksHidden bool) string {
	first := ore
	products := ""
	if ore > 1000 && r.chance(0.5) {
		first = ore / 200 * 100
		products = fmt.Sprintf(`,"1":{"name":"Wax","productId":"P2","quantity":"1","rate":%s,"discount":0,"tax":"0","amount":%s}`, kroner(ore-first), kroner(ore-first))
	}
	references := pick(r, `"referenceNo":"","customerReference":"3500"`, `"referenceNo":"till-7","customerReference":""`, `"referenceNo":""`)
	if marksHidden {
		references = `"referenceNo":"till-7","customerReference":"3500"`
	}
	return fmt.Sprintf(`{%s%s","products":{"0":{"name":"Hair Wash","productId":"P1","quantity":"1","rate":%s,"discount":0,"tax":"0","amount":%s}%s},`+
		`"orderSummary":{"subTotal":"%[6]s","totalTax":"0.00","totalDiscount":"0.00","grandTotal":"%[6]s"},"sendOrderBy":{"sms":false,"email":true},"receiptPrint":false,`+
		`"customerDetails":{"type":"private","countryCode":"+47","msisdn":"46567468","email":"customer@email.com","customerUuid":null,"name":"Kari Nordmann",`+
		`"preferredLanguage":"en","personalNumber":null,"organizationId":null,"address":{"street":"Luramyrveien 65","zip":"4313","city":"Sandnes","country":"NO"}},`+
		`"invoiceReferences":{%s,"customerNotes":"","tnc":""}}`,
		tagKey, id, kroner(first), kroner(first), products, kroner(ore), references)
}

// personal is what no message of ours may hold.
var personal = []string{"nordmann", "customer@email", "46567468", "luramyr"}

func (w *world) sayOrder(r *draw, id, terminal string, ore int64) {
	envelope := fmt.Sprintf(`{"requestId":%q,`, id)
	if r.chance(0.3) {
		envelope += fmt.Sprintf(`"ttlSeconds":%d,`, 5+r.IntN(60))
	} else if w.has(fTTL) {
		envelope += fmt.Sprintf(`"ttlSeconds":%d,`, 2+r.IntN(18))
	}
	if r.chance(0.15) {
		envelope += fmt.Sprintf(`"publishedAt":%q,`, time.Now().Add(-r.between(0, 20*time.Second)).UTC().Format(time.RFC3339))
	}
	w.say(sent{id: id, kind: "orders", terminal: terminal, ore: ore, payload: envelope + `"order":` + orderOf(r, id, ore, w.marksHidden) + "}"})
}

// sayRefund asks for all, or a part, of an order of ours: by its requestId, as the till knows it.
func (w *world) sayRefund(r *draw, id, terminal, order string, ore int64) {
	s := sent{id: id, kind: "refunds", terminal: terminal, refers: order}
	var body strings.Builder
	fmt.Fprintf(&body, `{"requestId":%q,"orderRequestId":%q`, id, order)
	if r.chance(0.3) {
		fmt.Fprintf(&body, `,"ttlSeconds":%d`, 10+r.IntN(80))
	} else if w.has(fTTL) {
		fmt.Fprintf(&body, `,"ttlSeconds":%d`, 3+r.IntN(25))
	}
	if r.chance(0.5) {
		body.WriteString(`,"requestApproval":{"message":"the customer came back"}`)
	}
	if r.chance(0.35) {
		body.WriteString(`,"full":true}`)
	} else {
		s.ore = pick(r, ore, ore/2, ore/2, ore/4, ore/4, 500)
		body.WriteString(refundOf(r, id, s.ore) + "}")
	}
	s.payload = body.String()
	w.say(s)
}

// sayRefundOver asks for an amount of an order.
func (w *world) sayRefundOver(r *draw, id, terminal, order string, ore int64) {
	w.say(sent{id: id, kind: "refunds", terminal: terminal, refers: order, ore: ore, payload: fmt.Sprintf(
		`{"requestId":%q,"orderRequestId":%q%s}`, id, order, refundOf(r, id, ore))})
}

func refundOf(r *draw, id string, ore int64) string {
	product := pick(r, `"line":0`, `"line":0`, `"productId":"P1"`)
	return fmt.Sprintf(`,"refund":{%s%s","type":"regular","grandTotal":%q,"isReversal":%t,"products":[{%s,"amount":%q}]}`,
		tagKey, id, kroner(ore), r.chance(0.3), product, kroner(ore))
}

func (w *world) sayApproval(id, terminal, order string, ore int64) {
	w.say(sent{id: id, kind: "approvals", terminal: terminal, refers: order, ore: ore, payload: fmt.Sprintf(
		`{"requestId":%q,"orderRequestId":%q,"approval":{%s%s","type":"regular","grandTotal":%q,"message":"please","products":[{"id":451,"amount":%q}]}}`,
		id, order, tagKey, id, kroner(ore), kroner(ore))})
}

// sayAbout publishes a cancel, resend or check.
func (w *world) sayAbout(kind, id, terminal, target string) {
	w.say(sent{id: id, kind: kind, terminal: terminal, refers: target, payload: fmt.Sprintf(`{"requestId":%q,"target":%q}`, id, target)})
}
