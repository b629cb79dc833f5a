package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"tillpost/api"
	"tillpost/outbox"
)

// referencesDigest stands for the two references of an order that a till may fill in, without telling them.
func referencesDigest(referenceNo, customerReference string) string {
	sum := sha256.Sum256([]byte(referenceNo + "\x00" + customerReference))
	return hex.EncodeToString(sum[:12])
}

// referencesOf is the digest of an order's references at the API, "" where they are not told apart.
func referencesOf(d api.OrderDetails) string {
	if !d.ReferencesRead {
		return ""
	}
	return referencesDigest(d.ReferenceNo, d.CustomerReference)
}

// sentReferences is the digest of references as they are sent, "" where they are none that could be compared.
func sentReferences(raw json.RawMessage) string {
	var refs struct {
		ReferenceNo       json.RawMessage `json:"referenceNo"`
		CustomerReference json.RawMessage `json:"customerReference"`
	}
	if json.Unmarshal(raw, &refs) != nil {
		return ""
	}
	return referencesDigest(plain(refs.ReferenceNo), plain(refs.CustomerReference))
}

// plain is a string's text, or a number's digits.
func plain(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text
	}
	return string(raw)
}

// orderSeen holds an order's details against the request for which it was named.
func (ls *lanes) orderSeen(d api.OrderDetails, r outbox.Request) outbox.OrderSeen {
	seen := outbox.OrderSeen{Details: outbox.DetailsRead}
	if ore, ok := amountOf(d); ok {
		seen.AmountKnown, seen.AmountFits = true, ore == r.AmountOre
	}
	marks := outbox.FindMarks(d.References())
	switch {
	case slices.ContainsFunc(marks, r.Bears), len(r.Submissions) == 0 && seen.AmountFits && slices.ContainsFunc(marks, ls.ofNewerCopy):
		seen.References = outbox.ReferencesMarked
	case !d.ReferencesKnown:
		seen.References = outbox.ReferencesNull
	default:
		seen.References = comparedReferences(referencesOf(d), r)
	}
	return seen
}

// ofNewerCopy reports whether a mark is one of this outbox that it does not know: a newer copy has made it. A request that was
// never sent from here, and which that copy has told of, bears such a one.
func (ls *lanes) ofNewerCopy(mark string) bool {
	seq, _ := outbox.MarkSeq(mark)
	r, err := ls.store.Get(seq)
	return outbox.MarkTagged(mark, ls.instance) && (err != nil || !r.Bears(mark))
}

// comparedReferences compares references without a mark of ours with those that were sent.
func comparedReferences(digest string, r outbox.Request) outbox.ReferencesSeen {
	seen := outbox.ReferencesOther
	for _, s := range r.Submissions {
		switch {
		case s.Shown:
		case digest == "" || s.References == "":
			seen = outbox.ReferencesNull // they can't be compared, and judge nothing
		case s.References == digest:
			return outbox.ReferencesOwn
		}
	}
	return seen
}

// amountOf is what an order comes to, in øre; false where the details don't tell.
func amountOf(d api.OrderDetails) (int64, bool) {
	if ore, ok := d.Summary.GrandTotal.Minor(); ok {
		return ore, true
	}
	ore, ok := d.Payment.Amount.Minor()
	return ore, ok && ore != 0 // it is 0 as long as nothing is paid
}

// judge looks at an order that a callback named for a request.
func (l *lane) judge(r outbox.Request, orderUUID string) {
	if !l.mayJudge(r.Seq) {
		l.wakeAt(r.Seq, outbox.TimerHint, callbackPace, false)
		return
	}
	l.call(r, outbox.Judge, orderUUID, func(ctx context.Context) outbox.Event {
		return l.hintEvent(ctx, orderUUID, r)
	})
}

// hintEvent asks for an order that a callback named.
func (l *lane) hintEvent(ctx context.Context, orderUUID string, r outbox.Request) outbox.Event {
	e := outbox.Event{Type: outbox.HintRead, OrderUUID: orderUUID}
	details, reply := l.api.OrderDetails(ctx, orderUUID)
	l.rights.saw(ctx, lookupDetails, reply)
	switch {
	case reply.Outcome == api.OutcomeAccepted:
		e.Order, e.Status = l.orderSeen(details, r), statusSeen(details.State())
		return e
	case reply.Outcome == api.OutcomeNotFound:
		e.Order.Details = outbox.DetailsMissing
		return e
	case !l.rights.notOurs(lookupDetails) || !forbids(reply) && !missing(reply):
		e.RetryAfter = reply.RetryAfter
		return e
	}
	status, reply := l.api.PaymentStatus(ctx, orderUUID)
	switch reply.Outcome {
	case api.OutcomeAccepted:
		e.Order, e.Status = outbox.OrderSeen{Details: outbox.DetailsNotOurs, Known: true}, statusSeen(status.State)
	case api.OutcomeNotFound:
		e.Order.Details = outbox.DetailsMissing
	default:
		e.RetryAfter = reply.RetryAfter
	}
	return e
}
