package check

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"tillpost/api"
)

// answer is what the API answered to one of the calls with which an order can be looked up.
type answer uint8

const (
	answerNone    answer = iota // no usable one
	answerGood                  // it does what we need
	answerEmpty                 // it answers, but shows no order
	answerRefused               // it does not let us
)

var answers = map[answer]string{answerNone: "no answer", answerGood: "yes", answerEmpty: "nothing there", answerRefused: "refused"}

func (a answer) String() string { return answers[a] }

// lookups asks which of the three look-ups the API lets us use ("Get All Order Status", "Get Order Status By UUID", "Get
// Order Details By UUID"), and says what follows for requests in doubt. Whether they show terminal orders is not
// documented, so only the API can show it.
func (c *checker) lookups(ctx context.Context, client *api.Client, token, fs *findings) {
	uuid := ""
	reply := client.OrderStatuses(ctx, "", func(o api.OrderStatus) error {
		uuid = o.UUID
		return errors.New("one is enough")
	})
	list := answered(reply)
	switch {
	case uuid != "":
		list = answerGood
	case list == answerGood:
		list = answerEmpty
	}
	if reply.Outcome == api.OutcomeUnauthorized {
		c.accepted(reply, "list of orders", fs, token)
		fs.warn("see token", "not known")
		return
	}
	if len(token.list) == 0 && reply.HTTPStatus != 0 {
		token.ok("accepted by the API") // the list of terminals, which would show it, was not asked for
	}
	if errors.Is(reply.Err, api.ErrPaged) {
		fs.warn("tell the maintainers; until then set [callback], so that the API itself names lost orders",
			"the API's list of orders comes in pages: a lost reply is not looked up in it, and ends with your staff")
		return
	}
	asked := cmp.Or(uuid, "ODR-tillpost-check") // no order has it
	_, one := client.OrderStatus(ctx, asked)
	_, details := client.OrderDetails(ctx, asked)
	c.reportLookups(fs, list, answered(one), answered(details))
}

func answered(r api.Reply) answer {
	switch {
	case r.Outcome == api.OutcomeAccepted:
		return answerGood
	case r.Outcome == api.OutcomeNotFound:
		return answerEmpty
	case r.Outcome == api.OutcomeRefused && r.HTTPStatus == http.StatusForbidden:
		return answerRefused
	}
	return answerNone
}

// reportLookups reports what the answers mean for a request whose reply was lost.
func (c *checker) reportLookups(fs *findings, list, one, details answer) {
	staff, fix := "a lost reply is settled by your staff (tillpost resolve)", "set [callback], so that the API itself names lost orders; or ask Front Payment to allow it"
	if c.cfg.Callback != nil {
		staff, fix = "a lost reply is settled by a callback, or by your staff (tillpost resolve)", "ask Front Payment to allow it"
	}
	switch {
	case list == answerGood && details == answerGood:
		fs.ok("orders can be listed and read: a lost reply is looked up, and settles by itself")
		if one != answerGood {
			fs.ok("the status of one order is asked in another way")
		}
	case list == answerEmpty && (details == answerEmpty || details == answerGood):
		fs.warn("check again after the first sale", "orders can be asked for, but none is shown yet: whether a lost reply can be looked up will be seen")
	case list == answerRefused:
		fs.warn(fix, "the API does not let us list orders (operation 11): %s", staff)
	case details == answerRefused:
		fs.warn(fix, "the API does not let us read orders (operation 13): %s, and refunds by line or product can't be resolved", staff)
	default:
		fs.warn(fix, "the API shows us no orders (list: %s, one: %s, details: %s): %s", list, one, details, staff)
	}
}
