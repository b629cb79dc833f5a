package api

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

const redacted = "[…]"

var (
	mailLike = regexp.MustCompile(`[^\s"'<>(),;]+@[^\s"'<>(),;]+`)
	// Five digits or more, with the marks people write between them: phone, personal and card numbers. It takes dates
	// and ids along; a lost date is cheaper than a published phone number.
	digitRun = regexp.MustCompile(`\+?[0-9](?:[ .()/\x{00A0}-]{0,2}[0-9]){4,}`)
)

// scrubber takes personal data out of the API's sentences: what looks like a mail address or a long number, and
// whatever of the customer details of the request itself comes back as an echo.
type scrubber struct {
	// knowsCustomer reports whether the call's own body held the customer's data: only then can a free sentence be cleaned
	// of them, and only then is one published. The replies to all other calls may name a customer unknown here.
	knowsCustomer bool
	echo          *strings.Replacer // nil where the body held none
	sent          []byte            // the body, until echo is made of it: few replies have a sentence to clean
}

// scrubberFor returns the scrubber for the reply to one call.
func scrubberFor(op Operation, body []byte) *scrubber {
	return &scrubber{knowsCustomer: op == OpCreate, sent: body}
}

// pathLike matches the paths of fields as the API writes them; anything else may hold personal data.
var pathLike = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.*\[\]-]*$`)

// fieldError returns what may be published of a fault that the API named; false if nothing may.
func (s *scrubber) fieldError(path, message string) (FieldError, bool) {
	path, message = cutText(path, maxMessageRead), cutText(message, maxMessageRead)
	if s.knowsCustomer {
		message = cutText(s.clean(message), maxText)
		return FieldError{Path: cutText(s.clean(path), maxPath), Message: message}, message != ""
	}
	if s.clean(path) != path || !pathLike.MatchString(path) || len(path) > maxPath {
		path = ""
	}
	k, ok := knownByKey[messageKey(message)]
	return FieldError{Path: path, Message: cmp.Or(k.text, "The API refused this field.")}, path != "" || ok
}

// clean returns text without personal data and without control characters.
func (s *scrubber) clean(text string) string {
	if s.sent != nil {
		s.echo, s.sent = echoes(s.sent), nil
	}
	if s.echo != nil {
		text = replaceFold(text, s.echo)
	}
	text = mailLike.ReplaceAllString(text, redacted)
	text = digitRun.ReplaceAllString(text, redacted)
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) || unicode.IsSpace(r)
	}), " ")
}

// impersonal are customer details that name nobody, and are words of innocent sentences ("type must be private").
var impersonal = map[string]bool{"type": true, "countryCode": true, "preferredLanguage": true, "country": true}

// echoes prepares the replacement of the customer details in body; nil where there are none.
func echoes(body []byte) *strings.Replacer {
	var sent struct {
		CustomerDetails map[string]any `json:"customerDetails"`
	}
	if json.Unmarshal(body, &sent) != nil || len(sent.CustomerDetails) == 0 {
		return nil
	}
	words := map[string]bool{}
	var walk func(key string, v any)
	walk = func(key string, v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, e := range v {
				walk(k, e)
			}
		case []any:
			for _, e := range v {
				walk(key, e)
			}
		case string:
			if impersonal[key] {
				return
			}
			for _, w := range append(strings.Fields(v), v) {
				if len([]rune(w)) >= 3 {
					words[strings.ToLower(w)] = true
				}
			}
		}
	}
	walk("", sent.CustomerDetails)
	var pairs []string
	// The replacer prefers the earlier pair: whole values before their words.
	for _, w := range slices.SortedFunc(maps.Keys(words), func(a, b string) int { return cmp.Compare(len(b), len(a)) }) {
		pairs = append(pairs, w, redacted)
	}
	return strings.NewReplacer(pairs...)
}

// replaceFold replaces without regard to case. The text goes to lower case only where something is replaced at all.
func replaceFold(text string, r *strings.Replacer) string {
	lower := strings.ToLower(text)
	if changed := r.Replace(lower); changed != lower {
		return changed
	}
	return text
}
