package mqtt

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxDepth        = 64
	maxNumberLength = 64
	maxExponent     = 64
)

// byteOrderMark is what some serializers write before UTF-8, though JSON has no
// use for it.
var byteOrderMark = []byte("\xef\xbb\xbf")

// scanned is what a strict reading of a payload found.
type scanned struct {
	// root is the payload's value: map[string]any, []any, string,
	// json.Number, bool or nil.
	root any
	// requestID is the envelope's id if it is there once and valid.
	requestID string
	// rejection is set when the payload is not to be looked at further.
	rejection *Rejection
}

// scan reads a payload as exactly one JSON value in UTF-8, within bounds that
// keep everything after it cheap: encoding/json by itself keeps the last of
// duplicate keys, and a number like 1e999999999 would fill the memory of
// whoever calculates with it.
func scan(payload []byte) scanned {
	if s, ok := quick(payload); ok {
		return s
	}
	return walk(payload)
}

// walk reads token by token, and tells the fault and the place of what is
// refused.
func walk(payload []byte) scanned {
	if r := notJSON(payload); r != nil {
		return scanned{rejection: r, requestID: looseRequestID(payload)}
	}
	w := newWalker(payload)
	root, err := w.value(0)
	s := scanned{root: root, requestID: w.requestID}
	switch {
	case errors.Is(err, errTooDeep):
		s.rejection = w.faults.rejection(CodeInvalidRequest)
	case err != nil:
		s.rejection = &Rejection{Code: CodeNotJSON, Message: "the payload is not JSON"}
	case w.duplicates.any():
		s.rejection = w.duplicates.rejection(CodeDuplicateKey)
	case w.faults.any():
		s.rejection = w.faults.rejection(CodeInvalidRequest)
	default:
		s.rejection = halfCharacters(payload)
	}
	return s
}

func halfCharacters(payload []byte) *Rejection {
	at := halfCharacter(payload)
	if at < 0 {
		return nil
	}
	var found faults
	found.add(place(payload, int64(at)), "must not hold one half of a surrogate pair (\\ud800 to \\udfff) without the other")
	return found.rejection(CodeInvalidRequest)
}

// notJSON judges everything about the payload's form but its depth, which
// encoding/json would confuse with a syntax error.
func notJSON(payload []byte) *Rejection {
	refuse := func(message string) *Rejection { return &Rejection{Code: CodeNotJSON, Message: message} }
	refuseAt := func(path, must, where string) *Rejection {
		return &Rejection{Code: CodeNotJSON, Message: "the payload " + where, Errors: []FieldError{{Path: path, Message: must}}}
	}
	switch {
	case len(bytes.TrimSpace(payload)) == 0:
		return refuse("the payload is empty; it must be one JSON object")
	case !utf8.Valid(payload):
		at := invalidUTF8(payload)
		return refuseAt(place(payload, int64(at)), "must be in UTF-8", fmt.Sprintf("is not UTF-8 from byte %d on", at))
	case tooDeep(payload):
		return nil
	}
	var raw json.RawMessage
	var syntax *json.SyntaxError
	if err := json.Unmarshal(payload, &raw); errors.As(err, &syntax) {
		return refuseAt(place(payload, int64(len(payload))), "must be JSON, with nothing before or after it",
			fmt.Sprintf("is not exactly one JSON value: the fault is at byte %d of %d", syntax.Offset, len(payload)))
	} else if err != nil {
		return refuse("the payload is not exactly one JSON value")
	}
	return nil
}

func invalidUTF8(b []byte) int {
	at := 0
	for at < len(b) {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		at += size
	}
	return at
}

// tooDeep counts brackets outside of strings.
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

// looseRequestID looks for the envelope's id in a payload that is refused
// whatever it holds, so that the till can be told under its own id.
func looseRequestID(payload []byte) string {
	if len(payload) > MaxPayload {
		payload = payload[:MaxPayload]
	}
	w := newWalker(payload)
	// The error is known already; what was read before it is what counts.
	_, _ = w.value(0)
	return w.requestID
}

var errTooDeep = errors.New("nested too deep")

// walker builds the value of a JSON text and notes what encoding/json would
// let pass.
type walker struct {
	dec        *json.Decoder
	path       []string
	duplicates faults
	faults     faults
	requestID  string
	idTaken    bool
	// stop is where the walk ends with errReached: before the token in which
	// the byte at this offset lies. -1 is nowhere.
	stop int64
}

func newWalker(payload []byte) *walker {
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	return &walker{dec: dec, stop: -1}
}

func (w *walker) value(depth int) (any, error) {
	token, err := w.token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		if depth++; depth > maxDepth {
			w.faults.add(pointer(w.path...), fmt.Sprintf("must not be nested deeper than %d levels", maxDepth))
			return nil, errTooDeep
		}
		if v == '{' {
			return w.object(depth)
		}
		return w.array(depth)
	case json.Number:
		if !w.untouched() && !bounded(string(v)) {
			w.faults.add(pointer(w.path...), fmt.Sprintf("must be a number of at most %d characters and a small exponent", maxNumberLength))
		}
	case string:
		if strings.ContainsRune(v, 0) {
			w.faults.add(pointer(w.path...), "must not hold the character U+0000")
		}
	}
	return token, nil
}

func (w *walker) object(depth int) (any, error) {
	object := make(map[string]any)
	for w.dec.More() {
		token, err := w.token()
		if err != nil {
			return nil, err
		}
		key, ok := token.(string)
		if !ok {
			return nil, errors.New("an object's key is no string")
		}
		w.path = append(w.path, key)
		if strings.ContainsRune(key, 0) {
			w.faults.add(pointer(w.path[:len(w.path)-1]...), "must not have a key that holds the character U+0000")
		}
		if _, twice := object[key]; twice {
			w.duplicates.add(pointer(w.path...), "must be there once; the key is repeated")
		}
		v, err := w.value(depth)
		if depth == 1 && key == "requestId" {
			w.noteID(v)
		}
		if err != nil {
			return nil, err
		}
		object[key] = v
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.Token()
	return object, err
}

// noteID keeps the envelope's id; of two different ones, neither is to be
// trusted.
func (w *walker) noteID(v any) {
	id, _ := v.(string)
	if !ValidID(id) || w.idTaken && id != w.requestID {
		id = ""
	}
	w.requestID, w.idTaken = id, true
}

func (w *walker) array(depth int) (any, error) {
	list := []any{}
	for w.dec.More() {
		w.path = append(w.path, strconv.Itoa(len(list)))
		v, err := w.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.Token()
	return list, err
}

// numbers are the members that are calculated with, by us or by the schemas. What others hold is forwarded digit for digit,
// however many those are.
var numbers = map[string]bool{
	"ttlSeconds": true, "revision": true, "grandTotal": true, "subTotal": true, "totalTax": true, "totalDiscount": true,
	"quantity": true, "rate": true, "discount": true, "tax": true, "amount": true, "id": true, "line": true,
}

// untouched reports whether the walk is below a key of which nobody wants a number.
func (w *walker) untouched() bool {
	for _, name := range slices.Backward(w.path) {
		if _, err := strconv.Atoi(name); err != nil { // a list's place counts for the list
			return !numbers[name]
		}
	}
	return false
}

// bounded reports whether calculating with a JSON number is cheap.
func bounded(number string) bool {
	if len(number) > maxNumberLength {
		return false
	}
	at := strings.IndexAny(number, "eE")
	if at < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[at+1:])
	return err == nil && -maxExponent <= exponent && exponent <= maxExponent
}
