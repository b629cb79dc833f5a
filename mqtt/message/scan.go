package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// byteOrderMark is what some serializers write before UTF-8, though JSON has no use for it.
var byteOrderMark = []byte("\xef\xbb\xbf")

// scanned is what a strict reading of a payload found.
type scanned struct {
	// root is the payload's value: map[string]any, []any, string, json.Number, bool or nil.
	root any
	// members are the raw values of the envelope's members; they share the payload's memory.
	members map[string]json.RawMessage
	// requestID is the envelope's id if it is there once and valid.
	requestID string
	// rejection is set when the payload is refused without a look at its content.
	rejection *Rejection
}

// scan reads a payload as exactly one JSON value in UTF-8, within bounds that keep everything after it cheap: a number
// like 1e999999999 would fill the memory of whoever calculates with it.
func scan(payload []byte) scanned {
	if len(bytes.TrimSpace(payload)) == 0 {
		return scanned{rejection: &Rejection{Code: CodeNotJSON, Message: "the payload is empty; it must be one JSON object"}}
	}
	w := newWalker(payload)
	valid := utf8.Valid(payload)
	if !valid {
		w.offset = invalidUTF8(payload)
	}
	root, err := w.document()
	s := scanned{root: root, members: w.members, requestID: w.requestID}
	switch {
	case !valid:
		s.rejection = notJSON(fmt.Sprintf("is not UTF-8 from byte %d on", w.offset), FieldError{Path: w.pointerAtOffset(err), Message: "must be in UTF-8"})
	case errors.Is(err, errTooDeep):
		s.rejection = w.faults.rejection(CodeInvalidRequest)
	case err != nil:
		s.rejection = syntaxRejection(payload, w.pointerAtOffset(err))
	case w.duplicates.any():
		s.rejection = w.duplicates.rejection(CodeDuplicateKey)
	case w.faults.any():
		s.rejection = w.faults.rejection(CodeInvalidRequest)
	case w.surrogates.any():
		s.rejection = w.surrogates.rejection(CodeInvalidRequest)
	}
	return s
}

func notJSON(what string, faults ...FieldError) *Rejection {
	return &Rejection{Code: CodeNotJSON, Message: "the payload " + what, Errors: faults}
}

// syntaxRejection returns the rejection of a payload that breaks JSON's grammar at
// path. The offset is encoding/json's, which tills have always been given.
func syntaxRejection(payload []byte, path string) *Rejection {
	if tooDeep(payload) { // the brackets may be the fault
		return notJSON("is not JSON")
	}
	var raw json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(payload, &raw); !errors.As(err, &syntax) {
		return notJSON("is not exactly one JSON value")
	}
	return notJSON(fmt.Sprintf("is not exactly one JSON value: the fault is at byte %d of %d", syntax.Offset, len(payload)),
		FieldError{Path: path, Message: "must be JSON, with nothing before or after it"})
}

// invalidUTF8 returns where the first byte is that is not UTF-8.
func invalidUTF8(b []byte) int64 {
	for at := range string(b) {
		if r, size := utf8.DecodeRune(b[at:]); r == utf8.RuneError && size == 1 {
			return int64(at)
		}
	}
	return int64(len(b))
}

// tooDeep reports whether the brackets outside of strings nest deeper than maxDepth.
func tooDeep(payload []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(payload); i++ {
		switch c := payload[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return false
}

// looseRequestID returns the envelope's id in a payload that is refused whatever
// it holds, so that the refusal can be published under that id.
func looseRequestID(payload []byte) string {
	w := newWalker(payload[:min(len(payload), MaxPayload)])
	// The payload is refused already; whatever can be read of it will do.
	_, _ = w.document()
	return w.requestID
}

// dropNulls removes every member that is null, as some serializers write what is not set: it counts as absent, wherever
// it is. The elements of a list stay, and so do products that are keyed by their position in the order: nothing there
// is optional.
func dropNulls(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			if member == nil {
				delete(v, key)
				continue
			}
			if products, keyed := member.(map[string]any); keyed && key == "products" {
				for _, product := range products {
					dropNulls(product)
				}
				continue
			}
			dropNulls(member)
		}
	case []any:
		for _, item := range v {
			dropNulls(item)
		}
	}
}
