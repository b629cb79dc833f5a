package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tillpost/internal/money"
	"tillpost/internal/term"
	"tillpost/mqtt"
)

// play is the day as it goes on. It is for one goroutine.
type play struct {
	options Options
	pace    pace
	out     *narrator
	shop    *shop
	begun   time.Time
	script  []expected
	counted finished // by daemons that were killed
	over    bool     // the day; what follows it may be interrupted
}

// scene is a part of the day. Its why is written before it is run.
type scene struct {
	title, why string
	run        func(*play, context.Context) error
}

func (p *play) welcome() {
	p.begun = time.Now()
	p.out.write(p.out.lines(loudly, "A day in a shop with two card terminals, in less than a minute") + "\n")
	p.out.narrate("tillpost stands between a shop's tills and its card terminals. It runs here as it would in the shop, with its " +
		"message broker and its disk; the till is a program that talks to it. Front Payment, which owns the terminals, is simulated, " +
		"customers included, and waiting times are short. What you read is what really happens, as it happens.")
}

// day plays all scenes and returns the result.
func (p *play) day(ctx context.Context) error {
	for i, s := range scenes {
		p.out.title(fmt.Sprintf("%d  %s", i+1, s.title))
		p.out.narrate(s.why)
		p.out.block("")
		if err := sleep(ctx, p.pace.read); err != nil {
			return err
		}
		if err := s.run(p, ctx); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			p.out.say("demo", "this is not as it should be: "+err.Error(), badly)
			return fmt.Errorf("the demo did not go as told: in %q, %w", s.title, err)
		}
	}
	return p.evening(ctx)
}

// evening counts the day's business, and reports whether it is right.
func (p *play) evening(ctx context.Context) error {
	counted, err := p.scrape(ctx)
	if err != nil {
		return err
	}
	v := evaluate(p.script, p.shop.till.statuses(), p.shop.sim.Orders(), counted.add(p.counted))
	v.faults = append(v.faults, p.shop.till.refusals()...)
	p.out.title("The day, counted by three: the till, Front Payment and tillpost's metrics")
	if p.out.narrow() {
		p.out.block(v.list()...)
	} else {
		p.out.block(v.table()...)
	}
	if len(v.faults) > 0 {
		p.out.block("")
		for _, f := range v.faults {
			p.out.block("  " + p.out.paint(badly, term.Printable(f)))
		}
		return fmt.Errorf("the demo did not end as told: %d faults, the first: %s", len(v.faults), v.faults[0])
	}
	p.over = true
	p.out.write("\n" + p.out.lines(well, fmt.Sprintf("All %d requests ended as told, none was lost, and nobody paid twice. (%.0f s)",
		len(p.script), time.Since(p.begun).Seconds())))
	if p.options.Stay {
		p.invite()
		<-ctx.Done()
		p.out.block("", "Closing the shop.")
	}
	return nil
}

// scrape reads the daemon's metrics, which end with it.
func (p *play) scrape(ctx context.Context) (counted finished, err error) {
	text, err := get(ctx, "http://"+p.shop.daemon.http+"/metrics")
	if err == nil {
		counted, err = parseFinished(text)
	}
	if err != nil {
		return nil, fmt.Errorf("read the daemon's metrics: %w", err)
	}
	return counted, nil
}

// request publishes a request of any kind, and notes how it has to end.
func (p *play) request(ctx context.Context, terminal string, k mqtt.Kind, words string, body map[string]any, e expected) error {
	body["requestId"] = e.id
	payload, err := json.Marshal(body)
	if err != nil {
		return err
	}
	e.kind, e.topic, e.payload = k, p.shop.till.topics.Request(terminal, k), payload
	p.script = append(p.script, e)
	who := whoTill
	if k == mqtt.KindResolution {
		who = whoStaff
	}
	p.out.say(who, words, plainly)
	return p.shop.till.publish(ctx, e.topic, e.id, payload)
}

// sale places an order of one product at a terminal.
func (p *play) sale(ctx context.Context, terminal, id, product string, amount money.Minor, state string) error {
	e := expected{id: id, state: state, minor: amount}
	words := fmt.Sprintf("%s: %s, %s NOK, at %s", id, product, amount, terminalNames[terminal])
	return p.request(ctx, terminal, mqtt.KindOrder, words, map[string]any{"order": order(id, product, amount)}, e)
}

// saleTo places an order and waits for its end.
func (p *play) saleTo(ctx context.Context, terminal, id, product string, amount money.Minor, state string) error {
	if err := p.sale(ctx, terminal, id, product, amount, state); err != nil {
		return err
	}
	return p.shop.till.end(ctx, id)
}

// order returns the payload of "Front Payment, Create Terminal Order". The till's own id goes along as the customer's reference,
// so that the simulator's books can be asked for it; the other reference is left to tillpost.
func order(id, product string, amount money.Minor) map[string]any {
	total := amount.String()
	return map[string]any{
		"products": []any{map[string]any{
			"name": product, "productId": "P1", "quantity": "1", "rate": json.Number(total), "discount": 0, "tax": "0", "amount": json.Number(total),
		}},
		"orderSummary":      map[string]any{"subTotal": total, "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": total},
		"receiptPrint":      false,
		"invoiceReferences": map[string]any{"referenceNo": "", "customerReference": id, "customerNotes": "", "tnc": ""},
	}
}

// books writes what Front Payment has of a sale.
func (p *play) books(id string) {
	orders := p.shop.sim.OrdersByReference(id)
	text := fmt.Sprintf("has %d orders for %s", len(orders), id)
	switch len(orders) {
	case 0:
		text = "has no order for " + id
	case 1:
		text = fmt.Sprintf("has one order for %s, %s NOK, %s", id, orders[0].Amount, orders[0].Status)
	}
	p.out.say(whoPayment, text, plainly)
}

// refusals returns the requests that were refused at the door.
func (t *till) refusals() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused
}

// all runs steps one after the other, up to the first that fails.
func all(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}
