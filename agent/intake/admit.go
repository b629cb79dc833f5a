package intake

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"tillpost/agent/blob"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// admit refuses what is well-formed but can't be served: an id that is taken, a terminal or a target that nobody knows. A
// repetition is never refused, for its terminal or target may be gone by now. written are those of the same batch that were
// written after the message's id was looked up.
func (in *Intake) admit(ctx context.Context, a *arrival, written []arrival) {
	if first := findByID(written, a.parsed.RequestID); first != nil {
		a.idTaken, a.repeats = true, first.record.Digest == a.parsed.Digest
	}
	switch {
	case a.repeats:
	case a.idTaken:
		a.refusal = conflict(a.parsed.RequestID, a.parsed.Terminal)
	default:
		a.refusal = in.served(ctx, a.parsed)
	}
}

// served returns nil, or why a new request can't be served.
func (in *Intake) served(ctx context.Context, req *message.Request) *message.Rejection {
	if !in.o.Directory.Has(req.Terminal) {
		return &message.Rejection{Code: message.CodeUnknownTerminal, RequestID: req.RequestID, Terminal: req.Terminal,
			Message: "there is no terminal " + req.Terminal + "; there are: " + in.o.Directory.Known()}
	}
	if req.Target == "" {
		return nil
	}
	t, err := in.o.Store.Lookup(req.Target)
	problem := targetProblem(req, t, err)
	if problem == "" {
		return nil
	}
	if req.Kind == mqtt.KindCancel && err != nil && !errors.Is(err, outbox.ErrPruned) {
		in.early.remember(ctx, req.Terminal, req.Target, in.o.Clock.Now())
	}
	pointer := "/target"
	if mayCross(req.Kind) {
		pointer = "/orderRequestId"
	}
	return &message.Rejection{Code: message.CodeUnknownTarget, RequestID: req.RequestID, Terminal: req.Terminal,
		Message: problem, Errors: []message.FieldError{{Path: pointer, Message: problem}}}
}

// targets are the kinds that the target of a request may be of, by its own kind.
var targets = map[mqtt.Kind][]outbox.Kind{
	mqtt.KindRefund:     {outbox.KindOrder},
	mqtt.KindApproval:   {outbox.KindOrder},
	mqtt.KindCancel:     {outbox.KindOrder, outbox.KindRefund},
	mqtt.KindResend:     {outbox.KindOrder},
	mqtt.KindCheck:      outbox.Kinds(),
	mqtt.KindResolution: {outbox.KindOrder, outbox.KindRefund, outbox.KindApproval},
}

// mayCross reports whether a request of a kind may be about another terminal's order, as those that pay back may: the customer
// need not come back to the same till.
func mayCross(k mqtt.Kind) bool { return k == mqtt.KindRefund || k == mqtt.KindApproval }

// targetProblem says what is wrong with a target, "" if nothing is; t and err are what the outbox has of it.
func targetProblem(req *message.Request, t outbox.Request, err error) string {
	crossing := mayCross(req.Kind)
	switch {
	case errors.Is(err, outbox.ErrPruned) && crossing:
		return "that request ended long ago and its record was removed; name the order by orderUuid"
	case err != nil && !errors.Is(err, outbox.ErrPruned):
		return "no request with that requestId was ever seen here"
	case !slices.Contains(targets[req.Kind], t.Kind):
		return fmt.Sprintf("that request is of the kind %s, which can't be meant here", t.Kind)
	case t.Terminal != req.Terminal && !crossing && !((req.Kind == mqtt.KindCancel || req.Kind == mqtt.KindCheck) && t.PublishedFor(req.Terminal)):
		return "that request belongs to terminal " + t.Terminal + "; publish on that terminal's topic"
	}
	return ""
}

func conflict(id, terminal string) *message.Rejection {
	return &message.Rejection{
		Code: message.CodeRequestIDConflict, RequestID: id, Terminal: terminal,
		Message: "this requestId was used before with other content; the first one stands, take a new id",
		Errors:  []message.FieldError{{Path: "/requestId", Message: "must be a new one: this one was used before with other content"}},
	}
}

// conflictFirst turns a refusal whose id is taken into a conflict: content that breaks a rule is other content too, such as an order
// that is published again on another terminal's topic.
func conflictFirst(why *message.Rejection, taken bool) *message.Rejection {
	if taken && (why.Code == message.CodeInvalidRequest || why.Code == message.CodeUnknownTerminal) {
		return conflict(why.RequestID, why.Terminal)
	}
	return why
}

// findByID returns the first of some messages with an id, nil if there is none.
func findByID(some []arrival, id string) *arrival {
	if i := slices.IndexFunc(some, func(a arrival) bool { return a.record.ID == id }); i >= 0 {
		return &some[i]
	}
	return nil
}

const (
	earlyBlob = "earlyCancels"
	earlyMost = 1000
)

// earlyCancels remembers cancels that came before their order: a message may have been late, and the till must not be
// surprised by an order that it has already given up. They are kept on disk, so that a restart forgets none. Only the goroutine of
// Run uses them.
type earlyCancels struct {
	store outbox.Store
	ttl   time.Duration
	set   map[string]outbox.Instant // by terminal and id, with a slash between
}

// remember keeps a cancel for as long as an order lives by default.
func (c *earlyCancels) remember(ctx context.Context, terminal, id string, now outbox.Instant) {
	maps.DeleteFunc(c.set, func(_ string, at outbox.Instant) bool { return c.tooOld(at, now) })
	if len(c.set) < earlyMost {
		c.set[terminal+"/"+id] = now
	}
	_ = blob.Write(ctx, c.store, earlyBlob, c.set) // on a full disk they are forgotten over a restart, no more
}

// tooOld reports whether a cancel is of no use any more.
func (c *earlyCancels) tooOld(at, now outbox.Instant) bool {
	age, ok := now.Since(at)
	return ok && age > c.ttl
}

// cancelled reports whether an order that comes now was cancelled before it came.
func (c *earlyCancels) cancelled(terminal, id string, now outbox.Instant) bool {
	at, ok := c.set[terminal+"/"+id]
	return ok && !c.tooOld(at, now)
}
