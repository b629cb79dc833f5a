package probe

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"tillpost/api"
)

// seen is what was seen of an order on the terminal, and when, counted from the create's reply.
type seen struct {
	listed, referenced, numbered time.Duration // -1: not
	position                     string
	pending                      []string
	list, details                api.Reply // the last ones
}

// watch polls an order on its terminal, creates a second one there, and returns the orders that this made.
func (p *prober) watch(ctx context.Context, first, mark string, listable bool) (more []string) {
	p.Say("looking for it, for at most %s: leave the terminal alone", p.Watch)
	began := time.Now()
	for time.Since(began) < p.Watch && !p.seen.complete() {
		p.poll(ctx, first, mark, began)
		if sleep(ctx, p.Pace) != nil {
			return nil
		}
	}
	p.answerSeen(listable)
	p.Say("placing a second one on the same terminal, which is busy")
	otherMark := p.Mark()
	uuid, reply := p.create(ctx, otherMark)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		p.busy = "accepted"
		more = append(more, uuid)
	case api.OutcomeBusy:
		p.busy = "busy"
	default:
		p.busy = describe(reply)
	}
	more = append(more, p.orphans(ctx, first, uuid, otherMark)...)
	p.answerBusy(more)
	return more
}

func (s seen) complete() bool { return s.listed >= 0 && s.referenced >= 0 && s.numbered >= 0 }

// poll asks the API once for all that was not seen yet.
func (p *prober) poll(ctx context.Context, uuid, mark string, began time.Time) {
	s := &p.seen
	note := func(status string) {
		if status != "" && !slices.Contains(s.pending, status) {
			s.pending = append(s.pending, status)
		}
	}
	if status, reply := p.Client.PaymentStatus(ctx, uuid); reply.Outcome == api.OutcomeAccepted && status.State == api.PaymentPending {
		note(status.Raw)
	}
	var all []string
	if s.listed < 0 {
		if all, s.list = p.list(ctx); slices.Contains(all, uuid) {
			s.listed, s.position = time.Since(began), positionIn(all, uuid)
		}
	}
	if s.referenced < 0 || s.numbered < 0 {
		details, reply := p.Client.OrderDetails(ctx, uuid)
		s.details = reply
		if reply.Outcome != api.OutcomeAccepted {
			return
		}
		if details.State() == api.PaymentPending {
			note(details.Status)
		}
		if s.referenced < 0 && strings.Contains(details.References(), mark) {
			s.referenced = time.Since(began)
		}
		if s.numbered < 0 && len(details.Products) > 0 && details.Products[0].ID != 0 {
			s.numbered = time.Since(began)
		}
	}
}

// answerSeen adds the answers that follow from what was seen.
func (p *prober) answerSeen(listable bool) {
	s := p.seen
	switch {
	case s.listed >= 0:
		p.answer("do terminal orders show in the list", "yes", "yes, %s after the reply", short(s.listed))
	case listable:
		p.answer("do terminal orders show in the list", "no", "no, not within %s; the list was answered %s", p.Watch, describe(s.list))
	default:
		p.answer("do terminal orders show in the list", "no", "the list can't be read: %s", describe(s.list))
	}
	p.answer("where does a new order stand in the list", s.position, "%s", s.position)
	when := func(question string, after time.Duration) {
		switch {
		case after >= 0:
			p.answer(question, "yes", "yes, %s after the reply, unpaid", short(after))
		case s.details.Outcome == api.OutcomeAccepted:
			p.answer(question, "no", "no, though details are answered")
		default:
			p.answer(question, "unknown", "details are not answered: %s", describe(s.details))
		}
	}
	when("do details show our reference", s.referenced)
	when("do details show the products' numbers", s.numbered)
	slices.Sort(s.pending)
	p.answer("what is an order called that waits for the customer", s.pending, "%s", cmp.Or(strings.Join(s.pending, ", "), "not seen"))
}

// orphans returns orders of the second create beside the one that its reply named. It waits first for twice the time that
// list and details took for the first order.
func (p *prober) orphans(ctx context.Context, first, named, mark string) (found []string) {
	if p.seen.listed < 0 || sleep(ctx, 2*max(p.seen.listed, p.seen.referenced)+p.Pace) != nil {
		return nil
	}
	all, reply := p.list(ctx)
	if reply.Outcome != api.OutcomeAccepted {
		return nil
	}
	for _, uuid := range all {
		if p.known[uuid] || uuid == first || uuid == named {
			continue
		}
		details, reply := p.Client.OrderDetails(ctx, uuid)
		switch {
		case reply.Outcome == api.OutcomeAccepted && strings.Contains(details.References(), mark):
			p.stored = true
			found = append(found, uuid)
		case reply.Outcome != api.OutcomeAccepted || p.seen.referenced < 0 || details.References() == "":
			p.unattributed = append(p.unattributed, uuid)
		}
	}
	p.allRead = len(p.unattributed) == 0
	return found
}

func (p *prober) answerBusy(more []string) {
	const question = "does a create on a busy terminal store an order"
	switch {
	case p.busy == "accepted":
		p.answer(question, "accepted", "it was taken: the terminal is not busy while it shows an order")
	case p.stored:
		p.answer(question, "yes", "yes: it was answered %s, and %d came to exist", p.busy, len(more))
	case p.allRead:
		p.answer(question, "no", "no: it was answered %s, and the list shows none", p.busy)
	case len(p.unattributed) > 0:
		p.answer(question, "unknown", "it was answered %s; the list shows %s since, and details don't say whose", p.busy, strings.Join(p.unattributed, ", "))
	default:
		p.answer(question, "unknown", "it was answered %s; whether it was stored can't be seen", p.busy)
	}
}

// refundStatus tries both methods on an order that has no refund: which of them is one that the API knows.
func (p *prober) refundStatus(ctx context.Context, uuid string) {
	taken := map[string]bool{}
	p.limits = map[string]string{}
	var last error
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		resp, err := p.Raw(ctx, method, "connect/terminal/orders/refund-status/"+uuid)
		if err != nil {
			last = err
			continue
		}
		_ = resp.Body.Close() // the header says it
		taken[method] = resp.StatusCode != http.StatusMethodNotAllowed && strings.Contains(resp.Header.Get("Content-Type"), "json")
		for name, values := range resp.Header {
			if low := strings.ToLower(name); strings.Contains(low, "ratelimit") || low == "retry-after" {
				p.limits[low] = strings.Join(values, ", ")
			}
		}
	}
	const question = "is the refund status asked by POST or GET"
	switch {
	case last != nil:
		p.answer(question, "unknown", "it could not be asked: %v", last)
	case taken[http.MethodPost] && taken[http.MethodGet]:
		p.answer(question, "both", "both are answered")
	case taken[http.MethodPost]:
		p.answer(question, "POST", "POST")
	case taken[http.MethodGet]:
		p.answer(question, "GET", "GET")
	default:
		p.answer(question, "unknown", "neither is answered as the API answers")
	}
	p.answer("what do the headers say of the rate", p.limits, "%s", cmp.Or(pairs(p.limits), "nothing"))
}

func (p *prober) callbacks(ctx context.Context) {
	const question = "do callbacks come"
	if p.CallbackURL == "" {
		p.answer(question, "unknown", "not asked: the configuration has no [callback], or its address is taken by the running agent")
		return
	}
	_ = sleep(ctx, 5*p.Pace) // an interruption only shortens the wait
	if n := p.Callbacks(); n > 0 {
		p.answer(question, n, "yes, %d came for the first order and its end", n)
	} else {
		p.answer(question, 0, "none came")
	}
}
