package publish

import (
	"encoding/json"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// Position is where a request stands among the queued of its lane.
type Position struct {
	Number int  // from 1; 0 where it does not queue
	Behind bool // others come first, before it in the queue or on the terminal
}

// HeadOfLane is the position of what is next.
var HeadOfLane = Position{Number: 1}

// StatusOf returns a request as tills see it. waiting, unless nil, replaces the stored reason to wait.
func StatusOf(r outbox.Request, at Position, waiting *outbox.Waiting) message.Status {
	s := message.Status{
		RequestID:    r.ID,
		Kind:         mqtt.Kind(r.Kind.String()),
		TerminalUUID: r.Terminal,
		State:        r.State.String(),
		Final:        r.State.Final(),
		Revision:     r.Revision,
		At:           message.At(r.LastChange().Time()),
		OrderUUID:    r.OrderUUID,
		Late:         r.Late || r.State == outbox.StatePaid && len(r.FurtherPaid) > 0,

		TargetRequestID: r.Target,
	}
	if r.AmountMinor > 0 {
		s.Amount = message.NewAmount(r.AmountMinor, r.Currency)
	}
	if r.InQueue() {
		s.QueuePosition = at.Number
	}
	if waiting == nil {
		waiting = r.Waiting
	}
	if waiting == nil && r.State == outbox.StateQueued && at.Behind {
		waiting = &outbox.Waiting{Code: outbox.WaitBehind, Since: r.Entered, Attempts: r.Attempts}
	}
	if waiting != nil && !r.State.Final() {
		s.Waiting = &message.Waiting{Code: waiting.Code, Since: message.At(waiting.Since.Time()), Attempts: waiting.Attempts}
		if waiting.Next != (outbox.Instant{}) {
			s.Waiting.NextAttemptAt = message.At(waiting.Next.Time())
		}
	}
	s.Reason = ReasonOf(r.Reason)
	return s
}

// ReasonOf returns a reason as tills see it, nil for none.
func ReasonOf(r *outbox.Reason) *message.Reason {
	if r == nil {
		return nil
	}
	out := &message.Reason{Code: r.Code, Message: r.Message, HTTPStatus: r.HTTPStatus}
	if len(r.Errors) > 0 {
		faults := make([]message.FieldError, len(r.Errors))
		for i, e := range r.Errors {
			faults[i] = message.FieldError{Path: e.Path, Message: e.Message}
		}
		out.Errors, _ = json.Marshal(faults) // strings alone always marshal
	}
	return out
}
