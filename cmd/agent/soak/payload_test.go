package soak

import (
	"fmt"

	"tillpost/internal/shoptest"
)

// newOrder returns an order of one product. Its id goes into customerReference, by which the simulator's books are compared with
// the tills'.
func newOrder(terminal, id string, place int, today string, ore int64) *request {
	return &request{id: id, kind: "order", segment: "orders", terminal: terminal, place: place, amount: ore,
		payload: shoptest.Request(id, "order", shoptest.Priced(shoptest.Example(today, id), kroner(ore)))}
}

// newRefund returns a refund or reversal of some of an order, or with all of its amount of everything.
func newRefund(of request, id string, ore int64, reversal bool) *request {
	return &request{id: id, kind: "refund", segment: "refunds", terminal: of.terminal, amount: ore, target: of.id,
		payload: fmt.Sprintf(`{"requestId":%q,"orderRequestId":%q,"refund":{"type":"regular","grandTotal":%q,"products":[{"line":0,"amount":%q}],"isReversal":%t}}`,
			id, of.id, kroner(ore), kroner(ore), reversal)}
}

// newControl returns a request that is about another one and takes no turn: a cancel, a resend or a check.
func newControl(kind, terminal, id, target string) *request {
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
