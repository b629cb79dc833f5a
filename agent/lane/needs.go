package lane

import (
	"tillpost/agent/health"
	"tillpost/outbox"
)

// alarmed makes a problem of what a person has to know.
func (ls *Lanes) alarmed(r outbox.Request, code string) {
	at := r.LastChange().Time()
	switch code {
	case outbox.AlarmNeedsStaff:
		ls.o.Problems.Raise(health.ProblemNeedsStaff, r.ID, "nobody knows yet whether this request was carried out; look at the terminal and at Front Payment", at)
	case outbox.AlarmUnresolved:
		ls.o.Problems.Raise(health.ProblemUnresolved, r.ID, "it was never found out whether this request was carried out; adopt, resubmit or abandon it", at)
	case outbox.AlarmLatePayment:
		message := "a payment was found after the request had ended otherwise; hand over the goods or refund it"
		if r.Kind != outbox.KindOrder {
			message = "the refund was carried out after another end had been told; the customer has the money, so don't pay it back once more"
		}
		ls.o.Problems.Raise(health.ProblemLatePayment, r.ID, message, at)
	case outbox.AlarmFurtherOrder:
		ls.o.Problems.Raise(health.ProblemFurtherOrder, r.ID, "a second order was paid for this request; refund one of them", at)
	}
	ls.o.Log.Warn("a person is needed", "alarm", code, "request", r.ID, "terminal", r.Terminal, "state", r.State.String())
}
