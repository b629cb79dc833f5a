package message

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"time"

	"tillpost/mqtt"
)

// Rules is what Decode needs to know beyond the message itself.
type Rules struct {
	// AllowPersonalNumber lets customerDetails.personalNumber pass.
	AllowPersonalNumber bool
	// HasCustomerDefaults and HasSendOrderByDefaults let an order leave out
	// customerDetails and sendOrderBy.
	HasCustomerDefaults    bool
	HasSendOrderByDefaults bool
	// Location is the store's time zone; nil is UTC.
	Location *time.Location
	// Now is what the clock says; ClockKnown reports whether it is to be
	// believed. If not, no date is refused for its age.
	Now        time.Time
	ClockKnown bool
	// Held reports whether a request of that id and digest was accepted before.
	// Such a one is a repetition and is judged by its form alone: the date,
	// the policy and the defaults that it was taken by may have changed. nil
	// is none. It may be called from several goroutines at once.
	Held func(requestID string, digest [sha256.Size]byte) bool
}

// today is the store's day.
func (r Rules) today() Date {
	location := r.Location
	if location == nil {
		location = time.UTC
	}
	return DateOf(r.Now.In(location))
}

// Decode reads a message that arrived on topic, and checks all of it. It
// returns either a request or the reason why there is none, never both. The
// payload is kept by the request and must not be changed afterwards. Decode
// may be called from several goroutines at once.
//
// It judges in this order: the retain flag, the topic, the size, the form, and
// then, unless it repeats what was accepted, all rules about the content
// together. A byte order mark before the payload is passed over, and a member
// that is null counts as absent.
func Decode(topics mqtt.Topics, topic string, retained bool, payload []byte, rules Rules) (*Request, *Rejection) {
	terminal, segment, topicErr := topics.Parse(topic)
	size := len(payload)
	payload = bytes.TrimPrefix(payload, byteOrderMark)
	refuse := func(r *Rejection, requestID string) *Rejection {
		r.RequestID = requestID
		if mqtt.ValidID(terminal) {
			r.Terminal = terminal
		}
		return r
	}
	refuseUnread := func(r *Rejection) *Rejection { return refuse(r, looseRequestID(payload)) }
	k, known := mqtt.KindOf(segment)
	switch {
	case retained:
		return nil, refuseUnread(&Rejection{
			Code:    CodeRetainedRequest,
			Message: "the request was published with the retain flag; publish it without, and clear the topic with an empty retained message",
		})
	case topicErr != nil:
		return nil, refuseUnread(&Rejection{Code: CodeUnknownKind, Message: "the topic must be one of those under " + topics.Prefix +
			"/terminals/, the terminal and the kind behind it; it is not, as after a change of mqtt.topic_prefix, and nobody takes requests there"})
	case !known:
		return nil, refuseUnread(&Rejection{Code: CodeUnknownKind, Message: unknownKindMessage()})
	case size > MaxPayload:
		return nil, refuseUnread(&Rejection{
			Code:    CodeTooLarge,
			Message: fmt.Sprintf("the payload has %d bytes; at most %d are taken", size, MaxPayload),
		})
	}
	s := scan(payload)
	if s.rejection != nil {
		return nil, refuse(s.rejection, s.requestID)
	}
	sum := digest(k, terminal, s.root)
	dropNulls(s.root)
	if repeated := s.requestID != "" && rules.Held != nil && rules.Held(s.requestID, sum); !repeated {
		if r := judge(k, terminal, s, rules); r != nil {
			return nil, refuse(r, s.requestID)
		}
	}
	request, err := build(k, terminal, s, payload)
	if err != nil {
		return nil, refuse(&Rejection{Code: CodeInvalidRequest, Message: err.Error()}, s.requestID)
	}
	request.Digest = sum
	return request, nil
}

// judge holds what was read against all rules, nil if it breaks none.
func judge(k mqtt.Kind, terminal string, s scanned, rules Rules) *Rejection {
	var found faults
	if !mqtt.ValidID(terminal) {
		found.add("", "must be published under a terminal's id of 1 to 64 of the characters A-Z a-z 0-9 . _ : - as the topic's last level but one")
	}
	if err := check(k, terminal, s.root, rules, &found); err != nil {
		found.add("", "can't be checked: "+err.Error())
	}
	if !found.any() {
		return nil
	}
	return found.rejection(CodeInvalidRequest)
}

// check applies the rules of Go first and the schema second: of two faults at
// one place the first is kept, and ours says more.
func check(k mqtt.Kind, terminal string, root any, rules Rules, f *faults) error {
	v, err := loadValidator()
	if err != nil {
		return err
	}
	if path, most := crowded(k, root); path != "" {
		f.add(path, fmt.Sprintf("must hold at most %d products", most))
		return nil
	}
	checkRules(k, terminal, root, rules, f)
	v.validate(k, root, f)
	return nil
}

// crowded points at products that are more than could be right: so many don't
// fit into a payload, and to look for the faults of each would hold up those
// who wait behind.
func crowded(k mqtt.Kind, root any) (path string, most int) {
	most = 4000 // of a number and an amount
	if k == mqtt.KindOrder {
		most = 1500
	}
	switch products := objectAt(root, string(k))["products"].(type) {
	case []any:
		if len(products) > most {
			path = pointer(string(k), "products")
		}
	case map[string]any:
		if len(products) > most {
			path = pointer(string(k), "products")
		}
	}
	return path, most
}

func unknownKindMessage() string {
	message := "the topic's last level names no kind of request; it must be one of "
	for i, k := range mqtt.Kinds() {
		if i > 0 {
			message += ", "
		}
		message += k.Segment()
	}
	return message
}
