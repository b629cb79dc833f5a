package publish

import (
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
	switch r.State {
	case outbox.StateQueued:
		return queuedPhase(code)
	case outbox.StateSending:
		if r.Busy > 0 {
			return message.PhaseTerminalBusy // the display need not show every try
		}
		return message.PhaseWaiting
	case outbox.StateInDoubt:
		if code == outbox.WaitNeedsStaff {
			return message.PhaseAskStaff
		}
		return message.PhaseChecking
	case outbox.StateAwaitingCustomer:
		return message.PhasePresentCard
	case outbox.StateAwaitingRefund:
		return message.PhaseRefunding
	case outbox.StatePaid:
		return message.PhaseApproved
	case outbox.StateRefunded:
		return message.PhaseRefunded
	case outbox.StateDeclined:
		return message.PhaseDeclined
	case outbox.StateCancelled, outbox.StateExpired:
		return message.PhaseCancelled
	case outbox.StateRejected, outbox.StateUnresolved:
		return message.PhaseAskStaff
	default:
		return message.PhaseWaiting
	}
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
