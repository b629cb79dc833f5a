package demo

import (
	"context"
	"fmt"

	"tillpost/api/simulator"
	"tillpost/mqtt"
)

func (p *play) outage(ctx context.Context) error {
	t := p.shop.till
	return all(
		func() error { return p.shop.sim.SetDown(true) },
		func() error { p.out.say(whoPlug, "is cut", badly); return nil },
		func() error { return p.sale(ctx, counter1, "sale-6", "Woolly hat", 19900, "paid") },
		func() error { return p.sale(ctx, counter2, "sale-7", "Gloves", 29900, "paid") },
		func() error { return t.reach(ctx, "sale-6", "apiUnreachable") },
		func() error { return t.reach(ctx, "sale-7", "apiUnreachable") },
		func() error { return sleep(ctx, p.pace.outage) },
		func() error { return p.pullThePlug(ctx, "sale-6", "sale-7") },
		func() error { return sleep(ctx, p.pace.outage) },
		func() error { return p.shop.sim.SetDown(false) },
		func() error { p.out.say(whoPlug, "is back", well); return nil },
		func() error { return t.end(ctx, "sale-6") },
		func() error { return t.end(ctx, "sale-7") },
	)
}

// pullThePlug kills the daemon and starts it again; the requests that were queued must still be there.
func (p *play) pullThePlug(ctx context.Context, queued ...string) error {
	counted, err := p.scrape(ctx)
	if err != nil {
		return err
	}
	p.counted = counted.add(p.counted)
	t, d := p.shop.till, p.shop.daemon
	if err := d.kill(); err != nil {
		return fmt.Errorf("kill the daemon: %w", err)
	}
	p.out.say(whoTillpost, "is dead: its process was killed in mid-work", badly)
	// What was published before that does not count.
	if err := t.until(ctx, "the end of the connection", func() bool { return !t.up }); err != nil {
		return err
	}
	times := map[string]int{}
	for _, id := range queued {
		t.forget(id)
		t.change(func() { times[id] = t.request(id).times })
	}
	if err := sleep(ctx, p.pace.outage); err != nil {
		return err
	}
	p.out.say(whoTillpost, "is started again, and reads its disk", plainly)
	if err := d.startAgain(ctx); err != nil {
		return err
	}
	for _, id := range queued {
		if err := t.until(ctx, "word of "+id+" after the restart", func() bool { return t.request(id).times > times[id] }); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) lostReply(ctx context.Context) error {
	p.shop.till.showDisplay(counter1)
	defer p.shop.till.showDisplay("")
	p.shop.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Reference: "sale-8", Do: simulator.DropAfter()})
	if err := p.saleTo(ctx, counter1, "sale-8", "Backpack", 119900, "paid"); err != nil {
		return err
	}
	if err := p.shop.till.thank(ctx, "sale-8"); err != nil {
		return err
	}
	p.books("sale-8")
	if !p.shop.till.saw("sale-8", "in_doubt") {
		return fmt.Errorf("sale-8 was never in doubt: its reply was not lost")
	}
	return nil
}

func (p *play) lostSale(ctx context.Context) error {
	t := p.shop.till
	p.shop.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Reference: "sale-9", Do: simulator.DropBefore()})
	return all(
		func() error { return p.sale(ctx, counter2, "sale-9", "Sunglasses", 39900, "paid") },
		func() error { return t.reach(ctx, "sale-9", "in_doubt") },
		func() error { p.books("sale-9"); return nil },
		func() error { return t.reach(ctx, "sale-9", "needs_staff") },
		func() error { return sleep(ctx, p.pace.read) },
		func() error {
			return p.request(ctx, counter2, mqtt.KindResolution, "decision-1: the shift leader has looked, send sale-9 again",
				map[string]any{"target": "sale-9", "outcome": "resubmit", "by": "Shift leader"}, expected{id: "decision-1", state: "done"})
		},
		func() error { return t.end(ctx, "sale-9") },
		func() error { p.books("sale-9"); return nil },
	)
}
