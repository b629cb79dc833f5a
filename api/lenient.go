package api

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// asObject reads raw as an object. An empty list is an empty object: that is how PHP writes one.
func asObject(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, false
	}
	if raw[0] == '[' {
		var list []json.RawMessage
		return nil, json.Unmarshal(raw, &list) == nil && len(list) == 0
	}
	if raw[0] != '{' {
		return nil, false
	}
	var m map[string]json.RawMessage
	return m, json.Unmarshal(raw, &m) == nil
}

// asList reads raw as a list, or as an object keyed "0", "1"… in the order of its keys: PHP writes a list with gaps
// that way, and the documents write products so.
func asList(raw json.RawMessage) ([]json.RawMessage, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return nil, false
	}
	if raw[0] == '[' {
		var list []json.RawMessage
		return list, json.Unmarshal(raw, &list) == nil
	}
	m, ok := asObject(raw)
	if !ok {
		return nil, false
	}
	keys := make([]int, 0, len(m))
	for k := range m {
		n, err := strconv.Atoi(k)
		if err != nil || n < 0 || strconv.Itoa(n) != k {
			return nil, false
		}
		keys = append(keys, n)
	}
	slices.Sort(keys)
	list := make([]json.RawMessage, 0, len(keys))
	for _, k := range keys {
		list = append(list, m[strconv.Itoa(k)])
	}
	return list, true
}

// isNull reports whether raw is absent or null.
func isNull(raw json.RawMessage) bool {
	raw = bytes.TrimSpace(raw)
	return len(raw) == 0 || string(raw) == "null"
}

// asText reads a string, or a number by its digits.
func asText(raw json.RawMessage) (string, bool) {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 {
		return "", false
	}
	if raw[0] == '"' {
		var s string
		return s, json.Unmarshal(raw, &s) == nil
	}
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		return string(raw), true
	}
	return "", false
}

// asInt reads a whole number, written as a number or as a string.
func asInt(raw json.RawMessage) (int64, bool) {
	s, _ := asText(raw)
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	return n, err == nil
}

// asBool reads true, 1, "1" and "true" as true, everything else as false.
func asBool(raw json.RawMessage) bool {
	if string(bytes.TrimSpace(raw)) == "true" {
		return true
	}
	s, _ := asText(raw)
	return s == "1" || strings.EqualFold(s, "true")
}

// field returns the member of m with that name, without regard to case and underscores.
func field(m map[string]json.RawMessage, name string) json.RawMessage {
	if raw, ok := m[name]; ok {
		return raw
	}
	key := messageKey(name)
	for _, k := range slices.Sorted(maps.Keys(m)) { // there may be several
		if messageKey(k) == key {
			return m[k]
		}
	}
	return nil
}

// repair rewrites the two ways in which the documents' examples are not JSON: single-quoted strings, and pairs in
// square brackets ("Resend Terminal Order": data: ['orderUuid': 'X']). The result may still not be JSON.
func repair(text []byte) []byte {
	out := make([]byte, 0, len(text)+16)
	var open []int // where in out each open bracket stands
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"', '\'':
			var n int
			out, n = requote(out, text[i:])
			i += n - 1
		case '[', '{':
			open = append(open, len(out))
			out = append(out, c)
		case ':':
			if n := len(open); n > 0 && out[open[n-1]] == '[' {
				out[open[n-1]] = '{'
			}
			out = append(out, c)
		case ']', '}':
			if n := len(open); n > 0 {
				if out[open[n-1]] == '{' {
					c = '}'
				}
				open = open[:n-1]
			}
			out = append(out, c)
		default:
			out = append(out, c)
		}
	}
	return out
}

// requote appends the string at the start of text to out, in double quotes, and returns how many bytes of text it read.
func requote(out, text []byte) ([]byte, int) {
	quote := text[0]
	out = append(out, '"')
	i := 1
	for ; i < len(text); i++ {
		c := text[i]
		switch {
		case c == '\\' && i+1 < len(text):
			i++
			if text[i] != '\'' {
				out = append(out, '\\')
			}
			out = append(out, text[i])
		case c == quote:
			return append(out, '"'), i + 1
		case c == '"':
			out = append(out, '\\', '"')
		default:
			out = append(out, c)
		}
	}
	return out, i
}
