package agent

import (
	"time"

	"tillpost/mqtt"
	"tillpost/outbox"
)

// shownFor is how long a display keeps an ending before it goes back to idle.
const shownFor = 15 * time.Second

// phaseOf is what a display shows while a request is the one that matters at its terminal.
func phaseOf(r outbox.Request, waiting *outbox.Waiting) mqtt.Phase {
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
			return mqtt.PhaseTerminalBusy // the display need not tell of every try
		}
		return mqtt.PhaseWaiting
	case outbox.StateInDoubt:
		if code == outbox.WaitNeedsStaff {
			return mqtt.PhaseAskStaff
		}
		return mqtt.PhaseChecking
	case outbox.StateAwaitingCustomer:
		return mqtt.PhasePresentCard
	case outbox.StateAwaitingRefund:
		return mqtt.PhaseRefunding
	case outbox.StatePaid:
		return mqtt.PhaseApproved
	case outbox.StateRefunded:
		return mqtt.PhaseRefunded
	case outbox.StateDeclined:
		return mqtt.PhaseDeclined
	case outbox.StateCancelled, outbox.StateExpired:
		return mqtt.PhaseCancelled
	case outbox.StateRejected, outbox.StateUnresolved:
		return mqtt.PhaseAskStaff
	default:
		return mqtt.PhaseWaiting
	}
}

func queuedPhase(code string) mqtt.Phase {
	switch code {
	case outbox.WaitBusy:
		return mqtt.PhaseTerminalBusy
	case outbox.WaitAPIUnreachable, outbox.WaitUnauthorized, outbox.WaitWrongAccount, outbox.WaitRolledBack, outbox.WaitAnotherAgent:
		return mqtt.PhaseOffline
	}
	return mqtt.PhaseWaiting
}

// displayOf makes the message for a terminal; r is nil while nothing goes on there.
func displayOf(terminal, name string, r *outbox.Request, waiting *outbox.Waiting, queued int, since time.Time) mqtt.Display {
	d := mqtt.Display{TerminalUUID: terminal, Name: name, Phase: mqtt.PhaseIdle, QueueLength: queued, Since: mqtt.At(since)}
	if r != nil {
		d.Phase = phaseOf(*r, waiting)
		d.RequestID, d.Kind = r.ID, mqtt.Kind(r.Kind.String())
		if r.AmountOre > 0 {
			d.Amount = mqtt.NewAmount(r.AmountOre, r.Currency)
		}
	}
	d.Text = d.Phase.Text()
	return d
}
