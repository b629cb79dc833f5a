package outbox

import (
	"fmt"
	"time"
)

// EffectType says what is to be done now that the change is on disk.
type EffectType uint8

// The effects that Step asks for.
const (
	// Submit: make the call that creates, under Mark, on the connection that was dialled for it.
	Submit EffectType = iota + 1
	// Query: ask the API for the status of OrderUUID.
	Query
	// Search: look for the request's marks at the API, or read the books of the order that it pays back.
	Search
	// SendCancel: ask the API to cancel OrderUUID.
	SendCancel
	// SendResend: ask the API to show OrderUUID on the terminal again.
	SendResend
	// WakeAt: when After has passed, run what Timer stands for. A timer of the same name is replaced; entering a state
	// clears all.
	WakeAt
	// Publish: tell the till. Waiting is set for what is told without a durable change.
	Publish
	// Alarm: a person has to know; Code says what.
	Alarm
	// Judge: look at OrderUUID, which a callback named.
	Judge
	// Settle: carry the resolution's decision out on Target, and tell it what came of that.
	Settle
	// Ignored: the event means nothing in this state; counted, so that it is seen.
	Ignored
)

var effectNames = [...]string{
	Submit: "Submit", Query: "Query", Search: "Search", SendCancel: "SendCancel", SendResend: "SendResend",
	WakeAt: "WakeAt", Publish: "Publish", Alarm: "Alarm", Judge: "Judge", Settle: "Settle", Ignored: "Ignored",
}

func (t EffectType) String() string {
	if int(t) < len(effectNames) && effectNames[t] != "" {
		return effectNames[t]
	}
	return fmt.Sprintf("effect(%d)", uint8(t))
}

// Timer names what is to happen when a WakeAt is over.
type Timer uint8

// The timers.
const (
	// TimerRetry brings the next Due.
	TimerRetry Timer = iota + 1
	// TimerExpire brings Expired.
	TimerExpire
	// TimerPoll runs Query again.
	TimerPoll
	// TimerSearch runs Search again.
	TimerSearch
	// TimerCancel runs SendCancel again.
	TimerCancel
	// TimerCustomer brings CustomerTimeout.
	TimerCustomer
	// TimerDoubtCheck and TimerDoubtHold bring DoubtTimeout.
	TimerDoubtCheck
	TimerDoubtHold
	// TimerWatch looks again at a request that ended without a payment: Query, or Search where it has no order.
	TimerWatch
	// TimerHint runs Judge again for every hint.
	TimerHint
)

var timerNames = [...]string{
	TimerRetry: "retry", TimerExpire: "expire", TimerPoll: "poll", TimerSearch: "search", TimerCancel: "cancel",
	TimerCustomer: "customer", TimerDoubtCheck: "doubt_check", TimerDoubtHold: "doubt_hold", TimerWatch: "watch", TimerHint: "hint",
}

func (t Timer) String() string {
	if int(t) < len(timerNames) && timerNames[t] != "" {
		return timerNames[t]
	}
	return fmt.Sprintf("timer(%d)", uint8(t))
}

// Effect is one thing to do after the commit. Which fields are set depends on Type.
type Effect struct {
	Type      EffectType
	Mark      string
	OrderUUID string
	Timer     Timer
	After     time.Duration
	// Answering: After counts only time in which the API answers.
	Answering bool
	Waiting   *Waiting
	// Target is the requestId that a cancel, resend, check or resolution is about.
	Target string
	// Code is the alarm's or the cause of an Ignored.
	Code string
}
