package health

import (
	"cmp"
	"maps"
	"slices"
)

// Advice is what the pages say of a problem.
type Advice struct {
	Todo  string
	Stops bool // customers can't pay because of it, at one terminal at least
}

// advice has every problem that there is. docs/operations.md says more about each.
var advice = map[ProblemCode]Advice{
	ProblemAPIUnreachable: {"Check the shop's network and internet connection. Requests are kept, and sent by themselves once Front Payment answers.", true},
	ProblemUnauthorized:   {"Put a valid API token into its file. It is used within ten seconds; nothing is lost.", true},
	ProblemRateLimited:    {"Look what else calls Front Payment with this account, or lower api.requests_per_minute. Requests are kept and sent when it allows.", true},
	ProblemClockUnknown:   {"Let the machine reach a time server. Until then nothing expires, and what can't be aged waits.", false},
	ProblemOutboxFull:     {"Free some space on the disk. Requests wait at the broker and come by themselves.", true},
	ProblemOutboxFailed:   {"Look whether the disk is mounted writable, and sound. Requests wait at the broker and come by themselves.", true},
	ProblemWrongAccount:   {"Correct api.base_url, the organisation or the token; or accept the new account with tillpost outbox accept.", true},
	ProblemRolledBack:     {"Find out where the outbox of yesterday came from, look at what is in doubt, then run tillpost outbox accept.", true},
	ProblemAnotherAgent:   {"Stop one of the two agents, then run tillpost outbox accept.", true},
	ProblemRestored:       {"Settle what is in doubt, then run tillpost outbox accept.", false},
	ProblemNeedsStaff:     {"Look at the terminal and at Front Payment whether the customer has paid, then settle the request.", true},
	ProblemUnresolved:     {"Look at Front Payment whether it was carried out, then settle the request.", false},
	ProblemLatePayment:    {"The customer has paid after all: hand over the goods or pay it back, then settle the alarm.", false},
	ProblemFurtherOrder:   {"The customer has paid twice: pay one order back, then settle the alarm.", false},
}

// AdviceFor returns the advice on a problem.
func AdviceFor(code ProblemCode) Advice {
	return cmp.Or(advice[code], Advice{Todo: "Look it up in the operations page."})
}

// Codes returns the codes of every problem that there is, in no order.
func Codes() []ProblemCode { return slices.Collect(maps.Keys(advice)) }
