package outbox

import "testing"

// stateWords says of a state what it means to a till, and what moves a request on.
type stateWords struct{ means, moves string }

// kindPage is what the page on states tells of a kind.
type kindPage struct {
	title  string
	cases  func(testing.TB) []caseRequest
	events func() []caseEvent
	words  map[State]stateWords
}

var kindPages = map[Kind]kindPage{
	KindOrder:      {"Orders", orderCases, orderEvents, orderWords},
	KindRefund:     {"Refunds and reversals", refundCases, refundEvents, refundWords},
	KindApproval:   {"Approvals", approvalCases, refundEvents, approvalWords},
	KindCancel:     {"Cancels", controlCases(KindCancel), controlEvents, cancelWords},
	KindResend:     {"Resends", controlCases(KindResend), controlEvents, controlWords("The order is on the terminal again.", "Refused by the API, or there is nothing to show: `reason.code` is the state of the request in question.")},
	KindCheck:      {"Checks", controlCases(KindCheck), controlEvents, controlWords("The status was asked for: `reason.code` has it.", "Refused by the API.")},
	KindResolution: {"Resolutions", controlCases(KindResolution), controlEvents, controlWords("The decision is on disk with the request in question.", "The decision could not be carried out; `reason.code` says why.")},
}

var orderWords = map[State]stateWords{
	StateQueued: {"On disk, waiting for its turn: it survives a power cut, and nothing of it has reached the terminal.",
		"Its turn sends it; a cancel ends it on the spot; the end of its time to live ends it `expired`."},
	StateSending: {"The call that creates the order may be on its way.",
		"The API's answer moves it on; if no answer comes, or none that tells, or a refusal after a busy answer, it is `in_doubt`."},
	StateInDoubt: {"The order may exist at the API or not, so it is not sent again: do not take another payment yet.",
		"The order is found, or a person decides, or it ends `unresolved` once the time for looking is over."},
	StateAwaitingCustomer: {"The order is on the terminal, and the customer may pay.",
		"The API tells that it was paid, declined or cancelled; a cancel, or the end of the customer's time, takes it off the terminal."},
	StateCancelling: {"The order is being taken off the terminal; the customer may have been quicker.",
		"The API tells how it ended; if it never does, it ends `unresolved`."},
	StatePaid: {"Paid. With `late: true`, another end had been told before: a person has to look at it.",
		"Nothing."},
	StateDeclined: {"The payment was declined.",
		"A payment found after all."},
	StateCancelled: {"Cancelled: on request, at the terminal, because the customer's time was over, or given up by a person.",
		"A payment found after all."},
	StateRejected: {"Refused by the API, or impossible to forward.",
		"A payment found after all."},
	StateExpired: {"Not sent within its time to live.",
		"A payment found after all, where a busy terminal had hidden an order."},
	StateUnresolved: {"Nobody could tell whether the order exists. The lane is free again, the request is kept until a person decides.",
		"A person's decision, or evidence that turns up."},
}

var refundWords = map[State]stateWords{
	StateQueued: {"On disk, waiting for its turn, for the end of its order, for another refund of the same order, or for a look at the order's books.",
		"Its turn weighs it against what is left of the order and sends it, or rejects it; a cancel ends it on the spot; the end of its time to live ends it `expired`."},
	StateSending: {"The call that asks for the refund (or, over a threshold, for its approval) may be on its way.",
		"The API's answer moves it on; if no answer comes, or none that tells, it is `in_doubt`."},
	StateInDoubt: {"The money may be on its way or not, so it is not sent again; other refunds of the order are rejected meanwhile.",
		"The books show a refund of exactly this amount that was not there before, or, after a refusal, that nothing was done; or a person decides, or it ends `unresolved` once the time for looking is over."},
	StateAwaitingRefund: {"The refund is on the terminal, or being carried out.",
		"The API tells that it was refunded or turned down; a cancel, or the end of the customer's time, calls it off."},
	StateAwaitingApproval: {"A person at Front Payment has to allow it, which may take days. It can't be cancelled any more.",
		"The API tells that it was refunded or turned down; without a word for 45 days it ends `unresolved`."},
	StateCancelling: {"The refund is being called off; it may have been quicker.",
		"The API tells how it ended; if it never does, it ends `unresolved`."},
	StateRefunded: {"The money went back. With `late: true`, another end had been told before: a person has to look at it.", "Nothing."},
	StateDeclined: {"The refund was turned down.", "The books, where they show it done after all."},
	StateCancelled: {"Cancelled, on request or because the customer's time was over: no money went back.",
		"The books, where they show it done after all."},
	StateRejected: {"Refused: by the API, because more than is left was asked for, because another refund of the order is open, because the order was not paid; or given up by a person.",
		"The books, where a busy answer had hidden that it was done."},
	StateExpired: {"Not sent within its time to live.", "The books, where a busy answer had hidden that it was done."},
	StateUnresolved: {"Nobody could tell whether the money went back. It counts as spent, and the request is kept until a person decides.",
		"A person's decision, or the books."},
}

var approvalWords = map[State]stateWords{
	StateQueued: {"On disk, waiting for its turn.",
		"Its turn weighs it against what is left of the order and sends it, or rejects it; the end of its time to live ends it `expired`."},
	StateSending: {"The call that asks for the approval may be on its way.",
		"The API's answer moves it on; if no answer comes, or none that tells, it is `in_doubt`."},
	StateInDoubt: {"The approval may have been asked for or not, so it is not sent again.",
		"A person decides, or the books show the money, or it ends `unresolved` once the time for looking is over."},
	StateSubmitted: {"The approval was asked for. What a person at Front Payment decides is not told here; it counts as spent.", "Nothing."},
	StateRejected:  {"Refused: by the API, or for the reasons for which a refund is; or given up by a person.", "Nothing."},
	StateExpired:   {"Not sent within its time to live.", "Nothing."},
	StateUnresolved: {"Nobody could tell whether it was asked for. It counts as spent, and the request is kept until a person decides.",
		"A person's decision, or the books."},
}

var cancelWords = map[State]stateWords{
	StateQueued:   {"On disk; it does not wait in the lane.", "It acts at once."},
	StateSending:  {"The wish is with the request in question, or the call is under way.", "The end of that request, or the API's answer."},
	StateDone:     {"The request in question ended `cancelled`, or the API cancelled the order.", "Nothing."},
	StateRejected: {"It was not cancelled: `reason.code` is the state in which the request in question ended, or the API's word.", "Nothing."},
	StateExpired:  {"The API answered, but never said what became of a cancel by order uuid.", "Nothing."},
}

func controlWords(done, rejected string) map[State]stateWords {
	return map[State]stateWords{
		StateQueued:   {"On disk; it does not wait in the lane.", "It acts at once; what the API can't take now is tried again until its time to live is over."},
		StateSending:  {"It is being carried out.", "The answer."},
		StateDone:     {done, "Nothing."},
		StateRejected: {rejected, "Nothing."},
		StateExpired:  {"Not carried out within its time to live.", "Nothing."},
	}
}

var eventWords = map[EventType]string{
	Due:             "its turn has come, and a connection to the API stands",
	Accepted:        "the API took what was sent",
	Done:            "the API carried out a cancel or a resend",
	Busy:            "the API said that the terminal is busy",
	Unavailable:     "the call never reached the API",
	RateLimited:     "the API asked for patience",
	Unauthorized:    "the API did not accept the token",
	Refused:         "the API said no",
	Ambiguous:       "the call may or may not have been carried out",
	StatusSeen:      "the API told the status of the order or of its refund",
	Found:           "an order that bears a mark of ours was found",
	NotFound:        "a search answered in full, without our mark",
	CallbackSeen:    "somebody called back with our mark: a hint, never a proof",
	CancelWanted:    "somebody wants it cancelled",
	ResendWanted:    "somebody wants it shown on the terminal again",
	CheckWanted:     "somebody wants to know the status now",
	Resolved:        "a person decided: adopt, resubmit or abandon",
	Expired:         "the time to live seems to be over",
	CustomerTimeout: "the customer had their time",
	DoubtTimeout:    "the time for looking into a doubt is over: `check` calls staff, `hold` gives up",
	Restarted:       "the agent has just started",
	StatementSeen:   "the payment history and the refund status of the order were read",
	Moved:           "a person puts it at the end of another terminal's queue",
	HintRead:        "the order that a callback named was looked at: ours, another one's, or not to be told yet",
	TargetSeen:      "the request that this one is about is in the state named",
}

var effectMeanings = map[EffectType]string{
	Submit: "make the call that creates the order, or asks for the refund or the approval", Query: "ask for the status of the order or of its refund",
	Search: "look for our marks at the API; for refunds, read the books", SendCancel: "ask the API to cancel, or put the wish to the request in question",
	SendResend: "ask the API to show it again", WakeAt: "set a timer", Publish: "tell the till", Alarm: "call a person",
	Judge:  "look at an order that a callback named",
	Settle: "put the decision to the request in question", Ignored: "the event means nothing here; counted",
}
