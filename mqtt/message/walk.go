package message

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"tillpost/mqtt"
)

const (
	maxDepth        = 64
	maxNumberLength = 64
	maxExponent     = 64
)

var (
	errTooDeep  = errors.New("nested too deep")
	errTrailing = errors.New("something follows the value")
)

// walker builds the value of a JSON text token by token, and collects the faults
// that JSON's grammar allows. It is used once.
type walker struct {
	payload []byte
	dec     *jsontext.Decoder
	// path is that of the value that is being read.
	path []string

	members    map[string]json.RawMessage
	requestID  string
	idSeen     bool
	duplicates faults
	faults     faults
	// surrogates holds a fault for the first string with half of a surrogate pair.
	surrogates faults

	// offset is that of a byte whose JSON pointer is wanted; pointerAt is that
	// pointer, once a token that ends behind the byte was read.
	offset    int64
	pointerAt *string
}

func newWalker(payload []byte) *walker {
	return &walker{
		payload: payload,
		dec:     jsontext.NewDecoder(bytes.NewBuffer(payload), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)),
		offset:  math.MaxInt64,
	}
}

// document reads the text, which has to be one value.
func (w *walker) document() (any, error) {
	root, err := w.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := w.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return root, errTrailing
	}
	return root, nil
}

// pointerAtOffset returns the JSON pointer to the member that holds the byte at offset, or to the object that has it in
// a key. Where the walk ended before it with err, it is the last path that was reached, and nothing below
// customerDetails: what looks like a key there may be a customer's name. What lies behind the value belongs to no part
// of it.
func (w *walker) pointerAtOffset(err error) string {
	if w.pointerAt != nil {
		return *w.pointerAt
	}
	path := w.path
	if i := slices.Index(path, "customerDetails"); i >= 0 && err != nil {
		path = path[:i+1]
	}
	return boundPointer(pointer(path...))
}

// tokenRead is called after each token, and sets pointerAt once offset is passed.
func (w *walker) tokenRead() {
	if w.pointerAt == nil && w.dec.InputOffset() > w.offset {
		at := boundPointer(pointer(w.path...))
		w.pointerAt = &at
	}
}

func (w *walker) value(depth int) (any, error) {
	kind := w.dec.PeekKind()
	switch kind {
	case jsontext.KindBeginObject, jsontext.KindBeginArray:
		if _, err := w.dec.ReadToken(); err != nil {
			return nil, err
		}
		w.tokenRead()
		if depth++; depth > maxDepth {
			w.faults.add(pointer(w.path...), fmt.Sprintf("must not be nested deeper than %d levels", maxDepth))
			return nil, errTooDeep
		}
		if kind == jsontext.KindBeginObject {
			return w.object(depth)
		}
		return w.array(depth)
	case jsontext.KindString:
		s, err := w.text()
		if err == nil && strings.ContainsRune(s, 0) {
			w.faults.add(pointer(w.path...), "must not hold the character U+0000")
		}
		return s, err
	}
	raw, err := w.dec.ReadValue()
	if err != nil {
		return nil, err
	}
	w.tokenRead()
	switch kind {
	case jsontext.KindNumber:
		number := json.Number(raw)
		if !bounded(string(number)) && !w.notCalculated() {
			w.faults.add(pointer(w.path...), fmt.Sprintf("must be a number of at most %d characters and a small exponent", maxNumberLength))
		}
		return number, nil
	case jsontext.KindNull:
		return nil, nil
	}
	return string(raw) == "true", nil
}

// text reads a string.
func (w *walker) text() (string, error) {
	raw, err := w.dec.ReadValue()
	if err != nil {
		return "", err
	}
	w.tokenRead()
	if !bytes.ContainsRune(raw, '\\') {
		return string(raw[1 : len(raw)-1]), nil
	}
	// JSON's grammar takes one half of a surrogate pair, but it is no
	// character, no reader makes the same of it, and UTF-8 can't write it.
	unquoted, err := jsontext.AppendUnquote(nil, raw)
	if err != nil && !w.surrogates.any() {
		w.surrogates.add(pointer(w.path...), "must not hold one half of a surrogate pair (\\ud800 to \\udfff) without the other")
	}
	return string(unquoted), nil
}

func (w *walker) object(depth int) (any, error) {
	object := make(map[string]any)
	if depth == 1 {
		w.members = make(map[string]json.RawMessage)
	}
	for w.more() {
		key, err := w.text()
		if err != nil {
			return nil, err
		}
		if strings.ContainsRune(key, 0) {
			w.faults.add(pointer(w.path...), "must not have a key that holds the character U+0000")
		}
		w.path = append(w.path, key)
		if _, twice := object[key]; twice {
			w.duplicates.add(pointer(w.path...), "must be there once; the key is repeated")
		}
		start := w.dec.InputOffset()
		v, err := w.value(depth)
		if depth == 1 {
			w.noteMember(key, v, start)
		}
		if err != nil {
			return nil, err
		}
		object[key] = v
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.ReadToken()
	return object, err
}

// noteMember keeps the raw value of a member of the envelope, from start to where
// the walk is, and the requestId. Of two different ids, neither is used.
func (w *walker) noteMember(key string, v any, start int64) {
	end := w.dec.InputOffset()
	w.members[key] = bytes.TrimLeft(w.payload[start:end:end], ": \t\r\n")
	if key != "requestId" {
		return
	}
	id, _ := v.(string)
	if !mqtt.ValidID(id) || w.idSeen && id != w.requestID {
		id = ""
	}
	w.requestID, w.idSeen = id, true
}

func (w *walker) array(depth int) (any, error) {
	list := []any{}
	for w.more() {
		w.path = append(w.path, strconv.Itoa(len(list)))
		v, err := w.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.ReadToken()
	return list, err
}

// more reports whether the object or list goes on, if only with a fault.
func (w *walker) more() bool {
	switch w.dec.PeekKind() {
	case jsontext.KindEndObject, jsontext.KindEndArray:
		return false
	case jsontext.KindInvalid:
		return len(bytes.TrimLeft(w.payload[w.dec.InputOffset():], " \t\r\n")) > 0
	}
	return true
}

// numbers are the members that we or the schemas calculate with. All others are forwarded digit for digit, however many
// those are.
var numbers = map[string]bool{
	"ttlSeconds": true, "revision": true, "grandTotal": true, "subTotal": true, "totalTax": true, "totalDiscount": true,
	"quantity": true, "rate": true, "discount": true, "tax": true, "amount": true, "id": true, "line": true,
}

// notCalculated reports whether the value being read is of a member that nobody calculates with.
func (w *walker) notCalculated() bool {
	for _, name := range slices.Backward(w.path) {
		if _, err := strconv.Atoi(name); err != nil { // an element of a list counts as the list
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
