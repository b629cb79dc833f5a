package mqtt

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"unicode/utf16"
)

var errReached = errors.New("reached")

// place is the JSON pointer to the member in which the byte at offset lies, or
// to the object that has it in a key. Where the text before it is no JSON, it
// is the last place that could be made out, and nothing below customerDetails:
// what looks like a key there may be a customer's name.
func place(payload []byte, offset int64) string {
	w := newWalker(payload)
	w.stop = offset
	_, err := w.value(0)
	path := w.path
	switch {
	case err == nil: // what lies behind the value belongs to no part of it
		path = nil
	case !errors.Is(err, errReached):
		if i := slices.Index(path, "customerDetails"); i >= 0 {
			path = path[:i+1]
		}
	}
	return boundPointer(pointer(path...))
}

// halfCharacter is the offset of the first \u escape that is half of a
// surrogate pair, -1 if there is none. JSON's grammar takes it, but it is no
// character, no reader makes the same of it, and UTF-8 can't write it. The
// payload must be JSON.
func halfCharacter(payload []byte) int {
	for i := 0; i < len(payload); i++ {
		if payload[i] != '\\' { // stands in strings only
			continue
		}
		r := escaped(payload[i:])
		switch {
		case r < 0:
			i++
		case !utf16.IsSurrogate(r):
			i += 5
		case utf16.DecodeRune(r, escaped(payload[i+6:])) != '\ufffd':
			i += 11
		default:
			return i
		}
	}
	return -1
}

// escaped is the UTF-16 unit of the escape that b begins with (\u and four
// hexadecimal digits), -1 if it begins with none.
func escaped(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return rune(unit)
}

// token is the decoder's next one, or errReached if that is where the walk is
// to end.
func (w *walker) token() (json.Token, error) {
	token, err := w.dec.Token()
	if err == nil && w.stop >= 0 && w.dec.InputOffset() > w.stop {
		return nil, errReached
	}
	return token, err
}
