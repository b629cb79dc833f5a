package soak

import (
	"fmt"
	"time"
)

// orderPayload is an order of one product, like the API's example but for what differs from order to order. The request's
// id goes into customerReference, by which the simulator's books are compared with the tills'.
func orderPayload(id string, zone *time.Location, ore int64) string {
	return fmt.Sprintf(`{"requestId":%q,"order":{"products":{"0":{"name":"Hair Wash","productId":"VFDDF","quantity":"1","rate":%s,"discount":0,"tax":"0","amount":%s}},
"orderSummary":{"subTotal":%q,"totalTax":"0.00","totalDiscount":"0.00","grandTotal":%q},"orderDate":%q,"sendOrderBy":{"sms":false,"email":true},"receiptPrint":false,
"customerDetails":{"type":"private","countryCode":"+47","msisdn":"46567468","email":"customer@email.com","customerUuid":null,"name":"Kari Nordmann","preferredLanguage":"en","personalNumber":null,"organizationId":null,
"address":{"street":"Luramyrveien 65","zip":"4313","city":"Sandnes","country":"NO"}},
"invoiceReferences":{"referenceNo":"","customerReference":%q,"customerNotes":"","tnc":""}}}`,
		id, kroner(ore), kroner(ore), kroner(ore), kroner(ore), time.Now().In(zone).Format("02 Jan, 2006"), id)
}

func newOrder(terminal, id string, place int, zone *time.Location, ore int64) *request {
	return &request{id: id, kind: "order", segment: "orders", terminal: terminal, place: place, amount: ore, payload: orderPayload(id, zone, ore)}
}

// newRefund gives some of an order back, or with all of its amount everything, as a refund or a reversal.
func newRefund(of request, id string, ore int64, reversal bool) *request {
	return &request{id: id, kind: "refund", segment: "refunds", terminal: of.terminal, amount: ore, target: of.id,
		payload: fmt.Sprintf(`{"requestId":%q,"orderRequestId":%q,"refund":{"type":"regular","grandTotal":%q,"products":[{"line":0,"amount":%q}],"isReversal":%t}}`,
			id, of.id, kroner(ore), kroner(ore), reversal)}
}

// newBeside is a request that is about another one and takes no turn: a cancel, a resend or a check.
func newBeside(kind, terminal, id, target string) *request {
	return &request{id: id, kind: kind, segment: kind + "s", terminal: terminal, target: target,
		payload: fmt.Sprintf(`{"requestId":%q,"target":%q}`, id, target)}
}

func newResolution(terminal, id, target, outcome, uuid string) *request {
	adopt := ""
	if uuid != "" {
		adopt = fmt.Sprintf(`,"orderUuid":%q`, uuid)
	}
	return &request{id: id, kind: "resolution", segment: "resolutions", terminal: terminal, target: target,
		payload: fmt.Sprintf(`{"requestId":%q,"target":%q,"outcome":%q%s,"by":"Ola"}`, id, target, outcome, adopt)}
}

func kroner(ore int64) string { return fmt.Sprintf("%d.%02d", ore/100, ore%100) }
