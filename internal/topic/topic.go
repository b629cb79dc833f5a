// Package topic says what all topics of an agent may begin with.
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
