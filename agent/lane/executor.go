package lane

import "tillpost/outbox"

// executor carries out what the state machine asks for, in the way of one kind of request. It decides nothing: what its calls
// bring goes back as events.
type executor interface {
	// due brings the head of the lane to its submission, which is on disk before the first byte leaves.
	due(l *lane, r outbox.Request)
	// submit makes the one call that creates, or pays back.
	submit(l *lane, r outbox.Request)
	// query asks how it stands.
	query(l *lane, r outbox.Request, orderUUID string)
	// poll is query in the cheapest way, for what is asked again and again.
	poll(l *lane, r outbox.Request)
	// search looks for what may have come of a submission.
	search(l *lane, r outbox.Request)
	// lookAgain asks, after the end, for what may turn up after all.
	lookAgain(l *lane, r outbox.Request)
	cancel(l *lane, r outbox.Request, orderUUID string)
	resend(l *lane, r outbox.Request, orderUUID string)
	// adopt and resubmit carry a person's decision d out on a doubtful request t.
	adopt(l *lane, d, t outbox.Request)
	resubmit(l *lane, d, t outbox.Request)
}

// executors has one for every kind.
var executors map[outbox.Kind]executor

func init() {
	executors = map[outbox.Kind]executor{
		outbox.KindOrder: orders{}, outbox.KindRefund: refunds{}, outbox.KindApproval: refunds{},
		outbox.KindCancel: controls{}, outbox.KindResend: controls{}, outbox.KindCheck: controls{}, outbox.KindResolution: controls{},
	}
}

// unasked is what a kind does not do; the state machine asks for none of it.
type unasked struct{}

func (unasked) due(l *lane, r outbox.Request)              { l.notItsKind(r, "due") }
func (unasked) submit(l *lane, r outbox.Request)           { l.notItsKind(r, "submit") }
func (unasked) query(l *lane, r outbox.Request, _ string)  { l.notItsKind(r, "query") }
func (unasked) poll(l *lane, r outbox.Request)             { l.notItsKind(r, "poll") }
func (unasked) search(l *lane, r outbox.Request)           { l.notItsKind(r, "search") }
func (unasked) lookAgain(l *lane, r outbox.Request)        { l.notItsKind(r, "lookAgain") }
func (unasked) cancel(l *lane, r outbox.Request, _ string) { l.notItsKind(r, "cancel") }
func (unasked) resend(l *lane, r outbox.Request, _ string) { l.notItsKind(r, "resend") }
func (unasked) adopt(l *lane, d, _ outbox.Request)         { l.notItsKind(d, "adopt") }
func (unasked) resubmit(l *lane, d, _ outbox.Request)      { l.notItsKind(d, "resubmit") }

func (l *lane) notItsKind(r outbox.Request, what string) {
	l.o.Log.Error("asked for what a request of this kind does not do, please report this", "request", r.ID, "kind", r.Kind.String(), "what", what)
}
