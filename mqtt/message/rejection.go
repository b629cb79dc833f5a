package message

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"tillpost/mqtt"
)

// Code says why a message was refused at the door. The list is closed; codes are metric labels and are never renamed.
type Code string

// The codes of refusals that Parse and Check make.
const (
	// CodeRetainedRequest: the message came with the retain flag, so that the
	// broker would deliver it again on every connect.
	CodeRetainedRequest Code = "retainedRequest"
	// CodeUnknownKind: the topic's last level names no kind of request.
	CodeUnknownKind Code = "unknownKind"
	// CodeInvalidRequest: the content breaks a rule; Errors say which.
	CodeInvalidRequest Code = "invalidRequest"
	// CodeTooLarge: the payload is over MaxPayload bytes.
	CodeTooLarge Code = "tooLarge"
	// CodeNotJSON: the payload is not exactly one JSON value in UTF-8.
	CodeNotJSON Code = "notJSON"
	// CodeDuplicateKey: an object has a key twice; Errors point at it.
	CodeDuplicateKey Code = "duplicateKey"
)

// The codes of refusals at the door that depend on more than the message itself; package intake makes these.
const (
	// CodeUnknownTerminal: the API's list does not have the terminal.
	CodeUnknownTerminal Code = "unknownTerminal"
	// CodeRequestIDConflict: the id was used before with other content.
	CodeRequestIDConflict Code = "requestIdConflict"
	// CodeUnknownTarget: the request that this one is about was never seen.
	CodeUnknownTarget Code = "unknownTarget"
)

// Codes lists every code with which a message can be refused at the door.
func Codes() []Code {
	return []Code{
		CodeRetainedRequest, CodeUnknownKind, CodeInvalidRequest, CodeTooLarge, CodeNotJSON, CodeDuplicateKey,
		CodeUnknownTerminal, CodeRequestIDConflict, CodeUnknownTarget,
	}
}

const (
	// MaxPayload is the largest payload that is read, in bytes.
	MaxPayload = 64 << 10
	// MaxFieldErrors bounds how many faults one refusal lists.
	MaxFieldErrors = 20

	maxPointerLength = 256
)

// FieldError is one fault of a message.
type FieldError struct {
	// Path is a JSON pointer (RFC 6901) into the payload. It points at a missing member itself, not at the object that
	// lacks it; "" is the whole payload.
	Path string `json:"path"`
	// Message says what would be right. It never holds a value of the payload.
	Message string `json:"message"`
}

// Rejection says why a message was refused. It never holds values of the payload other than RequestID and Terminal.
type Rejection struct {
	Code    Code
	Message string
	// Errors holds at most MaxFieldErrors faults, by path, one per path.
	Errors []FieldError
	// RequestID is the message's id if a valid one could be read, else "".
	// Whether another request has it already is for the caller to find out.
	RequestID string
	// Terminal is the terminal of the topic if it is a valid id, else "".
	Terminal string
}

// Error returns the code and the message.
func (r *Rejection) Error() string { return string(r.Code) + ": " + r.Message }

// Refusal returns the rejection for the bus that delivered the message.
func (r *Rejection) Refusal() mqtt.Refusal {
	return mqtt.Refusal{Code: string(r.Code), Message: r.Message}
}

// Reason returns the rejection for a status or reject message. Without Errors of
// its own, the message is given as a fault of the whole payload.
func (r *Rejection) Reason() *Reason {
	list := r.Errors
	if len(list) == 0 {
		list = []FieldError{{Message: r.Message}}
	}
	reason := &Reason{Code: string(r.Code), Message: r.Message}
	// Strings alone always marshal.
	reason.Errors, _ = json.Marshal(list)
	return reason
}

// faults collects FieldErrors, at most one per path.
type faults struct {
	list []FieldError
	seen map[string]bool
}

func (f *faults) add(path, message string) {
	path = boundPointer(path)
	if f.seen[path] {
		return
	}
	if f.seen == nil {
		f.seen = make(map[string]bool)
	}
	f.seen[path] = true
	f.list = append(f.list, FieldError{Path: path, Message: message})
}

func (f *faults) any() bool { return len(f.list) > 0 }

// rejection returns a rejection with the given code and these faults.
func (f *faults) rejection(code Code) *Rejection {
	list := slices.SortedFunc(slices.Values(f.list), func(a, b FieldError) int {
		return cmp.Compare(a.Path, b.Path)
	})
	first := list[0]
	message := cmp.Or(first.Path, "the payload") + " " + first.Message
	if n := len(list); n > 1 {
		message = fmt.Sprintf("%d faults, the first: %s", n, message)
	}
	return &Rejection{Code: code, Message: message, Errors: list[:min(len(list), MaxFieldErrors)]}
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// pointer joins keys to a JSON pointer.
func pointer(keys ...string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteByte('/')
		b.WriteString(pointerEscaper.Replace(k))
	}
	return b.String()
}

// boundPointer shortens an overlong pointer to one of an enclosing member: a
// hostile key must not become a large status message.
func boundPointer(path string) string {
	for len(path) > maxPointerLength {
		path = path[:strings.LastIndexByte(path, '/')]
	}
	return path
}
