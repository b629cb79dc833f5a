package simulator

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Side is where in a reply a status code stands.
type Side string

// The sides of a contradiction.
const (
	BothSides Side = ""     // HTTP status and status_code
	SideHTTP  Side = "http" // only the HTTP status
	SideBody  Side = "body" // only the body's status_code
)

var sides = []Side{BothSides, SideHTTP, SideBody}

// Contradict acts, and answers with a reply that contradicts itself: the content of a
// success (its message, the order's uuid) with the code of a refusal (429, 401, 403,
// any other 4xx, 510). message, where it is not "", replaces that of the success,
// such as "terminalIsBusy". With WithoutActing nothing is done, and the reply is the
// same; the uuid in it is of no order then.
func Contradict(code int, side Side, message string) Action {
	return Action{Kind: KindContradict, Code: code, Side: side, Message: message}
}

// contradict puts the refusal's code into a success; a failure is left as it is.
func (a Action) contradict(rep reply) reply {
	if rep.http >= 300 {
		return rep
	}
	if a.Side != SideBody {
		rep.http = a.Code
	}
	rep.fields = slices.Clone(rep.fields)
	for i, f := range rep.fields {
		switch {
		case f.key == "status_code" && a.Side != SideHTTP:
			rep.fields[i].value = a.Code
		case f.key == "message" && a.Message != "":
			rep.fields[i].value = a.Message
		}
	}
	if a.RetryAfter > 0 {
		rep.header = map[string]string{"Retry-After": seconds(a.RetryAfter)}
	}
	return rep
}

// seconds returns whole seconds, rounded up.
func seconds(d time.Duration) string { return strconv.Itoa(int((d + time.Second - 1) / time.Second)) }

// pretended returns the success of a call that changes something, without doing it;
// false for one that only reads.
func (s *Simulator) pretended(req *request) (reply, bool) {
	switch req.op {
	case OpCreate:
		return success(http.StatusCreated, "terminalOrderAddedSuccessfully", map[string]string{"orderUuid": s.newUUID()}), true
	case OpCancel:
		return success(http.StatusOK, "cancelledOrderSuccessfully", nil), true
	case OpResend:
		return success(http.StatusOK, "orderSentSuccessfully", map[string]string{"orderUuid": req.uuid}), true
	case OpRefund:
		return success(http.StatusAccepted, "terminalOrderRefundRequestSuccessfully", nil), true
	case OpApproval:
		return success(http.StatusCreated, "requestedOrderRefundSuccessfully", nil), true
	default:
		return reply{}, false
	}
}
