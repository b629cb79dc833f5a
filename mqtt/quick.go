package mqtt

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"
)

// quick reads a payload that has nothing unusual about it, as most have. False
// leaves it to the walk, which takes three times as long and says what is wrong,
// and where; where quick is sure, the walk says the same.
//
// Whether a key is repeated is told without a look at it: encoding/json keeps
// one value of a key, so fewer members are left than the text has colons.
func quick(payload []byte) (scanned, bool) {
	if !utf8.Valid(payload) {
		return scanned{}, false
	}
	members, plain := outline(payload)
	if !plain {
		return scanned{}, false
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var root any
	if err := dec.Decode(&root); err != nil || len(bytes.Trim(payload[dec.InputOffset():], " \t\r\n")) > 0 {
		return scanned{}, false
	}
	kept, plain := count(root)
	if !plain || kept != members {
		return scanned{}, false
	}
	s := scanned{root: root}
	if envelope, ok := root.(map[string]any); ok {
		if id, _ := envelope["requestId"].(string); ValidID(id) {
			s.requestID = id
		}
	}
	return s, true
}

// outline counts the members of a JSON text's objects. It is not plain if it
// is nested too deep, or if an escape may be U+0000 or a surrogate.
func outline(payload []byte) (members int, plain bool) {
	depth, inString := 0, false
	for i := 0; i < len(payload); i++ {
		switch c := payload[i]; {
		case inString && c == '\\':
			i++
			if rest := payload[i:]; bytes.HasPrefix(rest, []byte("u0000")) || bytes.HasPrefix(rest, []byte("ud")) || bytes.HasPrefix(rest, []byte("uD")) {
				return 0, false
			}
		case c == '"':
			inString = !inString
		case inString:
		case c == ':':
			members++
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return 0, false
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return members, true
}

// count counts the members of a value's objects. It is not plain if one holds a
// number that is not bounded.
func count(v any) (members int, plain bool) {
	plain = true
	add := func(v any) {
		n, is := count(v)
		members, plain = members+n, plain && is
	}
	switch v := v.(type) {
	case map[string]any:
		members = len(v)
		for _, m := range v {
			add(m)
		}
	case []any:
		for _, e := range v {
			add(e)
		}
	case json.Number:
		plain = bounded(string(v))
	}
	return members, plain
}
