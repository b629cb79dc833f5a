package message

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"tillpost/mqtt"
)

// Rules is what Check needs to know beyond the message itself.
type Rules struct {
	// AllowPersonalNumber lets customerDetails.personalNumber pass.
	AllowPersonalNumber bool
	// HasCustomerDefaults and HasSendOrderByDefaults let an order leave out customerDetails and sendOrderBy.
	HasCustomerDefaults    bool
	HasSendOrderByDefaults bool
	// Location is the store's time zone; nil is UTC.
	Location *time.Location
	// Now is the clock's time; ClockKnown reports whether it can be trusted. If not, no date is refused for its age.
	Now        time.Time
	ClockKnown bool
}

// Parsed is a message whose topic and form are right. Its content is still to be
// checked, unless it repeats what was accepted.
type Parsed struct {
	// RequestID is the message's own requestId, "" if it has no valid one.
	RequestID string
	// Terminal is the terminal of the topic if it is a valid id, else "".
	Terminal string
	// Digest is that of the Request; see there.
	Digest [sha256.Size]byte

	kind mqtt.Kind
	// topicTerminal is the terminal of the topic, valid or not.
	topicTerminal string
	scanned       scanned
	payload       []byte
}

// Parse reads a message that arrived and checks its form: in this order, the retain flag, the topic, the size and the
// JSON. It returns either what it read or the reason why it is refused, never both. A byte order mark before the
// payload is skipped, and a member that is null counts as absent. The payload is kept and must not be changed
// afterwards. Parse may be called from several goroutines at once.
func Parse(topics mqtt.Topics, d mqtt.Delivery) (*Parsed, *Rejection) {
	named, segment, ours := topics.Parse(d.Topic)
	p := &Parsed{topicTerminal: named, payload: bytes.TrimPrefix(d.Payload, byteOrderMark)}
	if mqtt.ValidID(named) {
		p.Terminal = named
	}
	refuseUnread := func(r *Rejection) *Rejection {
		p.RequestID = looseRequestID(p.payload)
		return p.refuse(r)
	}
	k, known := mqtt.KindOf(segment)
	switch {
	case d.Retained:
		return nil, refuseUnread(&Rejection{
			Code:    CodeRetainedRequest,
			Message: "the request was published with the retain flag; publish it without, and clear the topic with an empty retained message",
		})
	case !ours:
		return nil, refuseUnread(&Rejection{Code: CodeUnknownKind, Message: "the topic must be one of those under " + topics.Prefix +
			"/terminals/, the terminal and the kind behind it; it is not, as after a change of mqtt.topic_prefix, and nobody takes requests there"})
	case !known:
		return nil, refuseUnread(&Rejection{Code: CodeUnknownKind, Message: "the topic's last level names no kind of request; it must be one of " + mqtt.Segments()})
	case len(d.Payload) > MaxPayload:
		return nil, refuseUnread(&Rejection{
			Code:    CodeTooLarge,
			Message: fmt.Sprintf("the payload has %d bytes; at most %d are taken", len(d.Payload), MaxPayload),
		})
	}
	p.kind, p.scanned = k, scan(p.payload)
	p.RequestID = p.scanned.requestID
	if p.scanned.rejection != nil {
		return nil, p.refuse(p.scanned.rejection)
	}
	p.Digest = digest(k, named, p.scanned.root)
	dropNulls(p.scanned.root)
	return p, nil
}

// refuse adds the request's id and terminal to a rejection.
func (p *Parsed) refuse(r *Rejection) *Rejection {
	r.RequestID, r.Terminal = p.RequestID, p.Terminal
	return r
}

// Check applies all rules to the content. It returns either a request or the reason why there is none, never both.
func (p *Parsed) Check(rules Rules) (*Request, *Rejection) {
	var found faults
	if !mqtt.ValidID(p.topicTerminal) {
		found.add("", "must be published under a terminal's id of 1 to 64 of the characters A-Z a-z 0-9 . _ : - as the topic's last level but one")
	}
	p.collectFaults(rules, &found)
	if found.any() {
		return nil, p.refuse(found.rejection(CodeInvalidRequest))
	}
	return p.Repeated(), nil
}

// Decode is Parse and Check in one, for callers without an outbox.
func Decode(topics mqtt.Topics, topic string, retained bool, payload []byte, rules Rules) (*Request, *Rejection) {
	p, r := Parse(topics, mqtt.Delivery{Topic: topic, Retained: retained, Payload: payload})
	if r != nil {
		return nil, r
	}
	return p.Check(rules)
}

// collectFaults applies our own rules first and the schema second: of two faults
// at one path the first is kept, and ours says more.
func (p *Parsed) collectFaults(rules Rules, f *faults) {
	v, err := loadValidator()
	if err != nil {
		f.add("", "can't be checked: "+err.Error())
		return
	}
	root := p.scanned.root
	if path, most := tooManyProducts(p.kind, root); path != "" {
		f.add(path, fmt.Sprintf("must hold at most %d products", most))
		return
	}
	checkRules(p.kind, p.topicTerminal, root, rules, f)
	v.validate(p.kind, root, f)
}

// tooManyProducts returns the path of the products, and how many there may be at
// most, if there are more; else path is "". So many valid ones don't fit into a
// payload, and looking for the faults of each would hold up the messages behind.
func tooManyProducts(k mqtt.Kind, root any) (path string, most int) {
	most = 4000 // each with a number and an amount
	if k == mqtt.KindOrder {
		most = 1500
	}
	n := 0
	switch products := objectAt(root, string(k))["products"].(type) {
	case []any:
		n = len(products)
	case map[string]any:
		n = len(products)
	}
	if n > most {
		path = pointer(string(k), "products")
	}
	return path, most
}
