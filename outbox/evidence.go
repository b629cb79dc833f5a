package outbox

import "time"

// evidenceLasts is how old an answer may be when something rests on it.
const evidenceLasts = 5 * time.Second

// Seen says when an answer of the API came about. What rests on the answer has to know its age: what was seen before an
// outage, a busy answer or five seconds ago may not be so any more.
type Seen struct {
	// Begun is when the first of the calls began that the answer rests on, Answered when the last one's reply came; zero
	// where nothing was asked.
	Begun, Answered Instant
	// Broken: a call to the API has failed since Begun.
	Broken bool
}

// Fresh reports whether something may rest on the answer at a moment.
func (s Seen) Fresh(at Instant) bool {
	if s.Answered == (Instant{}) || s.Broken {
		return false
	}
	age, ok := at.Since(s.Answered)
	return ok && age <= evidenceLasts
}

// After reports whether the asking began at least lag after an event. Across boots whose clocks were not known to be
// right, the time since this boot counts: the event came before it.
func (s Seen) After(event Instant, lag time.Duration) bool {
	if s.Begun == (Instant{}) {
		return false
	}
	return s.Begun.passed(event) >= lag
}

// afterLook is how soon the turn comes that an answer is for. One that nothing may rest on is asked for anew, but not in a loop.
func afterLook(s Seen) time.Duration {
	if s.Broken {
		return searchAgain
	}
	return 0
}

// passed is the time from an event to i, which is less than 0 where the event is later.
func (i Instant) passed(event Instant) time.Duration {
	switch {
	case i.Boot == event.Boot:
		return i.Mono - event.Mono
	case i.Known && event.Known:
		return millis(i.Wall - event.Wall)
	}
	return i.Mono
}

// OrderSeen is what was seen of an order that somebody named: by a callback, or by a person.
type OrderSeen struct {
	// Details says what came of asking for the order's details.
	Details DetailsSeen
	// References says what the details show in the order's references.
	References ReferencesSeen
	// AmountKnown: the details tell the order's amount; AmountFits: it is the request's.
	AmountKnown, AmountFits bool
	// Known: where details are not ours, a payment status call knows the order.
	Known bool
}

// DetailsSeen says what came of asking for an order's details.
type DetailsSeen uint8

// What came of it.
const (
	// DetailsUnread: nothing that can be read.
	DetailsUnread DetailsSeen = iota
	// DetailsRead: the API told them.
	DetailsRead
	// DetailsNotOurs: the API does not let us read any, and that is established.
	DetailsNotOurs
	// DetailsMissing: the API does not know the order.
	DetailsMissing
)

// ReferencesSeen says what stands in an order's references.
type ReferencesSeen uint8

// What stands there.
const (
	// ReferencesNull: nothing yet; they may come later, and judge nothing.
	ReferencesNull ReferencesSeen = iota
	// ReferencesMarked: a mark of this request.
	ReferencesMarked
	// ReferencesOwn: both are the till's own as they were sent, and our mark went into neither.
	ReferencesOwn
	// ReferencesOther: something else.
	ReferencesOther
)

// hintVerdict is what Step makes of what was seen of an order that a callback named.
type hintVerdict uint8

const (
	hintOpen     hintVerdict = iota // not judged: asked again
	hintMissing                     // not there; turned down once that has stood for doubt_hold
	hintMarked                      // ours: it bears our mark
	hintUnmarked                    // ours, as far as can be told where no mark of ours can be seen
	hintRefused                     // another one's
)

// judge weighs what was seen of an order that a callback with our mark named (see docs/proof.md).
func (o OrderSeen) judge() hintVerdict {
	switch o.Details {
	case DetailsMissing:
		return hintMissing
	case DetailsNotOurs:
		if o.Known {
			return hintUnmarked
		}
		return hintOpen
	case DetailsRead:
		switch o.References {
		case ReferencesMarked:
			return hintMarked
		case ReferencesOwn:
			switch {
			case !o.AmountKnown:
				return hintOpen
			case o.AmountFits:
				return hintUnmarked
			}
			return hintRefused
		case ReferencesOther:
			return hintRefused
		}
	}
	return hintOpen
}

// AsksFirst reports whether a Due with what e brings would ask the API for something instead of starting an attempt: an
// order after a busy answer, or one that a callback may have found, and every refund.
func (r Request) AsksFirst(e Event) bool {
	m := &transition{r: r, e: e}
	switch {
	case r.Kind == KindOrder:
		return len(r.Hints) > 0 || r.Busy > 0 && !m.searched(r.LastBusy())
	case r.Refund == nil:
		return false
	}
	b := e.Books
	return !b.Seen.Fresh(e.At) || !b.Readable && !b.NotOurs || r.Busy > 0 && !b.Seen.After(r.LastBusy(), m.booksLag())
}

// ShownIn reports whether the books show a refund of exactly this amount that was not there before the submission.
func (r Request) ShownIn(b Books) bool {
	if r.Refund == nil {
		return false
	}
	change := booksSince(r.Refund.Before, b, r.AmountOre, nil)
	return change == bookDone || change == bookPending
}
