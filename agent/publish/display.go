package publish

import (
	"cmp"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// ShownFor is how long a display keeps an ending before it goes back to idle.
const ShownFor = 15 * time.Second

// phaseOf returns what a display shows while r is the request that matters at its terminal; waiting replaces what r waits for.
func phaseOf(r outbox.Request, waiting *outbox.Waiting) message.Phase {
	if waiting == nil {
		waiting = r.Waiting
	}
	code := ""
	if waiting != nil {
		code = waiting.Code
	}
	switch {
	case r.State == outbox.StateQueued:
		return queuedPhase(code)
	case r.State == outbox.StateSending && r.Busy > 0:
		return message.PhaseTerminalBusy // the display need not show every try
	case r.State == outbox.StateInDoubt && code == outbox.WaitNeedsStaff:
		return message.PhaseAskStaff
	}
	return cmp.Or(phases[r.State], message.PhaseWaiting)
}

var phases = map[outbox.State]message.Phase{
	outbox.StateInDoubt:          message.PhaseChecking,
	outbox.StateAwaitingCustomer: message.PhasePresentCard,
	outbox.StateAwaitingRefund:   message.PhaseRefunding,
	outbox.StatePaid:             message.PhaseApproved,
	outbox.StateRefunded:         message.PhaseRefunded,
	outbox.StateDeclined:         message.PhaseDeclined,
	outbox.StateCancelled:        message.PhaseCancelled,
	outbox.StateExpired:          message.PhaseCancelled,
	outbox.StateRejected:         message.PhaseAskStaff,
	outbox.StateUnresolved:       message.PhaseAskStaff,
}

func queuedPhase(code string) message.Phase {
	switch code {
	case outbox.WaitBusy:
		return message.PhaseTerminalBusy
	case outbox.WaitAPIUnreachable, outbox.WaitUnauthorized, outbox.WaitWrongAccount, outbox.WaitRolledBack, outbox.WaitAnotherAgent:
		return message.PhaseOffline
	}
	return message.PhaseWaiting
}

// DisplayOf makes the message for a terminal. r is nil while nothing goes on there; waiting, unless nil, replaces what r waits
// for; queued is how many requests queue.
func DisplayOf(terminal, name string, r *outbox.Request, waiting *outbox.Waiting, queued int, since time.Time) message.Display {
	d := message.Display{TerminalUUID: terminal, Name: name, Phase: message.PhaseIdle, QueueLength: queued, Since: message.At(since)}
	if r != nil {
		d.Phase = phaseOf(*r, waiting)
		d.RequestID, d.Kind = r.ID, mqtt.Kind(r.Kind.String())
		if r.AmountMinor > 0 {
			d.Amount = message.NewAmount(r.AmountMinor, r.Currency)
		}
	}
	d.Text = d.Phase.Text()
	return d
}
