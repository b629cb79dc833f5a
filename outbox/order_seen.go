package outbox

// OrderSeen is what was seen of an order that somebody named: by a callback, or by a person.
type OrderSeen struct {
	// Details says what came of asking for the order's details.
	Details DetailsSeen
	// References says what the details show in the order's references.
	References ReferencesSeen
	// AmountKnown: the details name the order's amount; AmountFits: it is the request's.
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
	// DetailsRead: the API returned them.
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
	// ReferencesNull: nothing yet; they may come later, so nothing follows from that.
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
	hintOpen     hintVerdict = iota // undecided: asked for again
	hintMissing                     // not there; turned down once that has stood for doubt_hold
	hintMarked                      // ours: it bears our mark
	hintUnmarked                    // ours as far as anybody knows, but no mark of ours can be seen
	hintRefused                     // another one's
)

// judge classifies an order that a callback with our mark named, by what was seen of it (see docs/proof.md).
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
