package demo

import (
	"context"
	"fmt"

	"tillpost/api/simulator"
	"tillpost/internal/money"
	"tillpost/mqtt"
)

// scenes are the day, in order.
var scenes = []scene{
	{"A sale", "The till hands over a sale. tillpost writes it to disk before it says \"queued\": from then on it can't be " +
		"lost. Then it goes to the terminal, and the customer pays.", (*play).aSale},
	{"The same once more", "The till is not sure that it was heard, and sends the very same again. That is always safe: it gets " +
		"the same answer, and nobody is charged again.", (*play).onceMore},
	{"A busy terminal", "Somebody is in the menu of Counter 1, which takes no sale meanwhile. That sale waits its turn; the other " +
		"counter must not notice.", (*play).busyTerminal},
	{"A declined card, and a customer who changes his mind", "Not every sale is paid. The till hears the reason, and staff can take " +
		"a sale back as long as nobody has paid.", (*play).notPaid},
	{"The network is cut, and tillpost is killed", "Front Payment can't be reached, and the till goes on selling. To make it worse the " +
		"process of tillpost is killed (kill -9), as by a pulled plug, and started again. What was \"queued\" is still there.", (*play).outage},
	{"A lost reply", "The worst case: Front Payment gets a sale, but its reply is lost. Who just sends again charges the customer " +
		"twice. tillpost looks for the order instead.", (*play).lostReply},
	{"A sale that never arrived", "Now the sale itself is lost on the way. From here that looks just the same, but there is " +
		"nothing to find. So a person decides, by name, and only then it is sent again.", (*play).lostSale},
	{"Money back", "A customer brings something back. A refund names the sale; more than was paid can't be given back.",
		(*play).moneyBack},
	{"A large refund", "Over 5000 NOK somebody at Front Payment has to approve. tillpost asks for that by itself, and the " +
		"counter goes on selling until the answer is there.", (*play).largeRefund},
}

func (p *play) aSale(ctx context.Context) error {
	p.shop.till.showDisplay(counter1)
	defer p.shop.till.showDisplay("")
	if err := p.saleTo(ctx, counter1, "sale-1", "Rain jacket", 89900, "paid"); err != nil {
		return err
	}
	if err := p.shop.till.thank(ctx, "sale-1"); err != nil {
		return err
	}
	p.books("sale-1")
	return nil
}

func (p *play) onceMore(ctx context.Context) error {
	t, first := p.shop.till, p.script[0]
	t.forget(first.id)
	before := t.statuses()[first.id]
	p.out.say(whoTill, "sends "+first.id+" again, byte for byte", plainly)
	if err := t.publish(ctx, first.topic, first.id, first.payload); err != nil {
		return err
	}
	if after := t.statuses()[first.id]; after.Revision != before.Revision {
		return fmt.Errorf("the same bytes brought something new: %s has revision %d", first.id, after.Revision)
	}
	p.books(first.id)
	return nil
}

func (p *play) busyTerminal(ctx context.Context) error {
	sim, t := p.shop.sim, p.shop.till
	return all(
		func() error { return sim.SetBusy(counter1, true) },
		func() error { p.out.say(whoTerminal, "Counter 1 is busy with itself", waits); return nil },
		func() error { return p.sale(ctx, counter1, "sale-2", "Umbrella", 24900, "paid") },
		func() error { return t.reach(ctx, "sale-2", "terminalIsBusy") },
		func() error { return p.saleTo(ctx, counter2, "sale-3", "Coffee", 4500, "paid") },
		func() error { return sleep(ctx, p.pace.busy) },
		func() error { return sim.SetBusy(counter1, false) },
		func() error { p.out.say(whoTerminal, "Counter 1 is free again", plainly); return nil },
		func() error { return t.end(ctx, "sale-2") },
	)
}

func (p *play) notPaid(ctx context.Context) error {
	sim, t := p.shop.sim, p.shop.till
	return all(
		func() error { return sim.SetNextCustomers(counter2, simulator.Decline(p.pace.customer)) },
		func() error { return p.saleTo(ctx, counter2, "sale-4", "Gift card", 50000, "declined") },
		func() error { return sim.SetNextCustomers(counter1, simulator.WalkAway()) },
		func() error { return p.sale(ctx, counter1, "sale-5", "Rubber boots", 59900, "cancelled") },
		func() error { return t.reach(ctx, "sale-5", "awaiting_customer") },
		func() error { return sleep(ctx, p.pace.customer) },
		func() error {
			return p.request(ctx, counter1, mqtt.KindCancel, "cancel-1: take sale-5 back", map[string]any{"target": "sale-5"},
				expected{id: "cancel-1", state: "done"})
		},
		func() error { return t.end(ctx, "sale-5") },
		func() error { return t.end(ctx, "cancel-1") },
	)
}

func (p *play) moneyBack(ctx context.Context) error {
	t := p.shop.till
	return all(
		func() error {
			return p.request(ctx, counter1, mqtt.KindRefund, "refund-1: 300.00 NOK of sale-1", map[string]any{
				"orderRequestId": "sale-1", "refund": refundOf(30000),
			}, expected{id: "refund-1", state: "refunded", minor: 30000})
		},
		func() error { return t.end(ctx, "refund-1") },
		func() error {
			return p.request(ctx, counter1, mqtt.KindRefund, "refund-2: 700.00 NOK of sale-1, of which only 599.00 are left", map[string]any{
				"orderRequestId": "sale-1", "refund": refundOf(70000),
			}, expected{id: "refund-2", state: "rejected", code: "refundExceedsOrder"})
		},
		func() error { return t.end(ctx, "refund-2") },
	)
}

func (p *play) largeRefund(ctx context.Context) error {
	t := p.shop.till
	return all(
		func() error { return p.saleTo(ctx, counter1, "sale-10", "Tent", 649900, "paid") },
		func() error {
			return p.request(ctx, counter1, mqtt.KindRefund, "refund-3: all of sale-10, if need be with an approval", map[string]any{
				"orderRequestId": "sale-10", "full": true, "requestApproval": map[string]any{"message": "Returned, as new"},
			}, expected{id: "refund-3", state: "refunded", minor: 649900})
		},
		func() error { return t.reach(ctx, "refund-3", "awaiting_approval") },
		func() error { return p.saleTo(ctx, counter1, "sale-11", "Sun cream", 12900, "paid") },
		func() error { return t.end(ctx, "refund-3") },
	)
}

// refundOf pays back a part of an order's only product.
func refundOf(amount money.Minor) map[string]any {
	return map[string]any{"type": "regular", "grandTotal": amount.String(), "products": []any{map[string]any{"line": 0, "amount": amount.String()}}}
}
