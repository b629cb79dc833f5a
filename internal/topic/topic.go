// Package topic says what all topics of an agent may begin with, and which ids may stand in them.
package topic

import (
	"strconv"
	"strings"
	"unicode"
)

// maxPrefix leaves room for the rest of a topic, which MQTT bounds at 65,535 bytes, and for a default client id that
// brokers take.
const maxPrefix = 100

// PrefixFault returns what is wrong with a topic prefix, like "is empty"; "" is nothing.
func PrefixFault(prefix string) string {
	switch {
	case prefix == "":
		return "is empty"
	case strings.ContainsAny(prefix, "+#"):
		return "holds a wildcard (+ or #)"
	case strings.HasPrefix(prefix, "/"), strings.HasSuffix(prefix, "/"), strings.Contains(prefix, "//"):
		return "has an empty level (a slash at an end, or two together)"
	case strings.HasPrefix(prefix, "$"):
		return "begins with $, which brokers keep for themselves"
	case strings.ContainsFunc(prefix, unicode.IsControl):
		return "holds a control character"
	case len(prefix) > maxPrefix:
		return "is longer than " + strconv.Itoa(maxPrefix) + " bytes"
	}
	return ""
}

const maxID = 64

// ValidID reports whether id may stand in a topic: it has 1 to 64 of the characters A-Z a-z 0-9 . _ : -
func ValidID(id string) bool {
	if id == "" || len(id) > maxID {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}
