package mqtt

import (
	"errors"
	"strings"

	"tillpost/internal/topic"
)

// Kind is what a request asks for.
type Kind string

// The kinds of requests. Each has a topic segment of its own, so that a broker's access list can say who may do what.
const (
	KindOrder      Kind = "order"
	KindRefund     Kind = "refund"
	KindApproval   Kind = "approval"
	KindCancel     Kind = "cancel"
	KindResend     Kind = "resend"
	KindCheck      Kind = "check"
	KindResolution Kind = "resolution"
)

// Kinds lists all kinds of requests.
func Kinds() []Kind {
	return []Kind{KindOrder, KindRefund, KindApproval, KindCancel, KindResend, KindCheck, KindResolution}
}

// Segment returns the kind's last topic level, like "orders".
func (k Kind) Segment() string { return string(k) + "s" }

// KindOf returns the kind whose topics end in segment, and whether there is one.
func KindOf(segment string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Segment() == segment {
			return k, true
		}
	}
	return "", false
}

// Segments returns the last topic levels of all kinds, for a text.
func Segments() string {
	var all []string
	for _, k := range Kinds() {
		all = append(all, k.Segment())
	}
	return strings.Join(all, ", ")
}

// ValidID reports whether s may stand in a topic and name a request or a
// terminal.
func ValidID(s string) bool { return topic.ValidID(s) }

// Topics names every topic that tillpost reads or writes. The zero value is of no use: Prefix must not be empty.
type Topics struct {
	// Prefix is what all topics begin with, without a slash at its end. It may have several levels.
	Prefix string
}

// ValidatePrefix returns an error that says what is wrong with a topic prefix.
func ValidatePrefix(prefix string) error {
	if fault := topic.PrefixFault(prefix); fault != "" {
		return errors.New("the topic prefix " + fault)
	}
	return nil
}

// Request returns the topic on which tills publish requests of one kind for one terminal.
func (t Topics) Request(terminal string, k Kind) string {
	return t.terminal(terminal) + k.Segment()
}

// Orders returns the topic on which tills publish orders for one terminal.
func (t Topics) Orders(terminal string) string { return t.Request(terminal, KindOrder) }

// Status returns the topic of one request's status, which is retained.
func (t Topics) Status(terminal, requestID string) string {
	return t.terminal(terminal) + "status/" + requestID
}

// StatusFilter returns the filter that matches the statuses of all requests.
func (t Topics) StatusFilter() string { return t.Prefix + "/terminals/+/status/+" }

// StatusID returns the requestId in a status topic, "" for any other topic.
func (t Topics) StatusID(topic string) string {
	if !t.IsStatus(topic) {
		return ""
	}
	return topic[strings.LastIndexByte(topic, '/')+1:]
}

// IsStatus reports whether topic is that of a request's status.
func (t Topics) IsStatus(topic string) bool {
	rest, ok := strings.CutPrefix(topic, t.Prefix+"/terminals/")
	levels := strings.SplitN(rest, "/", 4)
	return ok && len(levels) == 3 && levels[1] == "status"
}

// Display returns the topic of what a customer should see at a terminal, which is retained.
func (t Topics) Display(terminal string) string { return t.terminal(terminal) + displaySegment }

// Terminals returns the topic of the list of terminals, which is retained.
func (t Topics) Terminals() string { return t.Prefix + "/terminals" }

// Agent returns the topic of the agent's own state, which is retained, and of its last will.
func (t Topics) Agent() string { return t.Prefix + "/agent" }

// Rejects returns the topic on which the agent publishes every refusal at the door.
func (t Topics) Rejects() string { return t.Prefix + "/rejects" }

// RequestFilter returns the one filter that matches the requests of all kinds and terminals, so that they are delivered
// in their order of arrival. It matches the agent's own display messages too; see [Topics.OwnTopic].
func (t Topics) RequestFilter() string { return t.Prefix + "/terminals/+/+" }

const displaySegment = "display"

func (t Topics) terminal(terminal string) string {
	return t.Prefix + "/terminals/" + terminal + "/"
}

// OwnTopic reports whether topic is one that RequestFilter matches but that only the agent itself writes.
func (t Topics) OwnTopic(topic string) bool {
	_, segment, _ := t.Parse(topic)
	return segment == displaySegment
}

// Parse splits the topic of a request. The terminal and the segment are returned as they came: neither is checked
// beyond being one topic level. Both are "", and ok is false, for anything that RequestFilter does not match.
func (t Topics) Parse(topic string) (terminal, kindSegment string, ok bool) {
	rest, ours := strings.CutPrefix(topic, t.Prefix+"/terminals/")
	terminal, kindSegment, two := strings.Cut(rest, "/")
	if !ours || !two || strings.Contains(kindSegment, "/") {
		return "", "", false
	}
	return terminal, kindSegment, true
}
