package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// envelope is the object that every reply of the API is: status_code, status_message, message, and data or errors. It
// is decoded leniently, as shapes drift.
type envelope struct {
	parsed     bool // the body is an object
	fromAPI    bool // it is the API's own, and not a proxy's or a framework's
	statusCode int  // 0 where there is none
	isError    bool
	code       string
	meaning    meaning
	text       string
	errors     []FieldError
	data       json.RawMessage
	fields     map[string]json.RawMessage
}

// decodeEnvelope reads a reply's body. It takes any bytes.
func decodeEnvelope(body []byte, s *scrubber) envelope {
	body = bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xEF\xBB\xBF")))
	if len(body) == 0 || body[0] != '{' {
		return envelope{}
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		fields = nil
		if json.Unmarshal(repair(body), &fields) != nil {
			return envelope{}
		}
	}
	return readFields(fields, s)
}

// frameKeys beside a message make the API's envelope: a gateway's own refusal has a message too, but none of these.
var frameKeys = []string{"status_code", "status_message", "is_error", "is_data", "errors", "data"}

func readFields(fields map[string]json.RawMessage, s *scrubber) envelope {
	e := envelope{parsed: true, fields: fields, data: fields["data"], isError: asBool(fields["is_error"])}
	if n, ok := asInt(fields["status_code"]); ok && n >= 100 && n <= 599 {
		e.statusCode = int(n)
	}
	message, ok := asText(fields["message"])
	if !ok || strings.TrimSpace(message) == "" {
		return e
	}
	for _, k := range frameKeys {
		if _, ok := fields[k]; ok {
			e.fromAPI = true
		}
	}
	e.code, e.meaning, e.text = readMessage(message, s)
	e.errors = readErrors(fields["errors"], s)
	return e
}

// readErrors reads the errors of an envelope: null, the text "Array" (both say
// nothing), a list of texts or objects, or an object of texts or lists.
func readErrors(raw json.RawMessage, s *scrubber) []FieldError {
	var found []FieldError
	add := func(path, message string) {
		if len(found) == maxFieldErrors {
			return
		}
		if e, ok := s.fieldError(path, message); ok {
			found = append(found, e)
		}
	}
	if list, ok := asList(raw); ok && len(list) > 0 {
		for _, item := range list {
			if m, ok := asObject(item); ok {
				path, _ := asText(firstOf(m, "field", "path", "attribute", "name"))
				message, _ := asText(firstOf(m, "message", "error", "msg"))
				add(path, message)
				continue
			}
			addTexts("", item, add)
		}
		return found
	}
	m, _ := asObject(raw)
	for _, name := range slices.Sorted(maps.Keys(m)) {
		addTexts(name, m[name], add)
	}
	return found
}

func addTexts(path string, raw json.RawMessage, add func(path, message string)) {
	if text, ok := asText(raw); ok {
		add(path, text)
		return
	}
	list, _ := asList(raw)
	for _, item := range list {
		if text, ok := asText(item); ok {
			add(path, text)
		}
	}
}

func firstOf(m map[string]json.RawMessage, names ...string) json.RawMessage {
	for _, n := range names {
		if raw, ok := m[n]; ok {
			return raw
		}
	}
	return nil
}

// classify returns what a reply means, success included. HTTP status and
// status_code may differ: a failure in either is a failure, and the message
// decides which. The finer points hold for what must not happen twice:
//   - certainly not done: 401 and 429 with any body, 403 and any other 4xx in the
//     API's envelope;
//   - in doubt: a redirect, a 5xx (a 510 does not say whether something was
//     stored), a 4xx from somebody else, and a reply that contradicts itself.
func classify(op Operation, status int, e envelope) Outcome {
	outcome := classifyPlain(op, status, e)
	if op.Submits() && outcome != OutcomeAccepted && e.saysDone() {
		return OutcomeAmbiguous // a refusal with the signs of a success is neither
	}
	return outcome
}

// saysDone reports whether a reply names an order or has a message of success.
func (e envelope) saysDone() bool { return e.meaning == meansDone || e.orderUUID() != "" }

func classifyPlain(op Operation, status int, e envelope) Outcome {
	is := func(code int) bool { return status == code || e.statusCode == code }
	switch {
	case status < 200 || status > 299 && status < 400:
		return OutcomeAmbiguous
	case is(401):
		return OutcomeUnauthorized
	case is(429):
		return OutcomeRateLimited
	case e.fromAPI && e.meaning == meansBusy:
		return OutcomeBusy
	case is(403) && e.fromAPI:
		return OutcomeRefused
	case is(403), !e.parsed:
		return OutcomeAmbiguous
	}
	failed := !success(status) || e.statusCode != 0 && !success(e.statusCode) || e.isError ||
		e.meaning == meansMissing || e.meaning == meansRefused || e.meaning == meansBroken
	if !failed {
		return OutcomeAccepted
	}
	if !e.fromAPI || e.meaning == meansDone {
		return OutcomeAmbiguous
	}
	return classifyFailure(op, status, e)
}

func classifyFailure(op Operation, status int, e envelope) Outcome {
	client := status >= 400 && status < 500 || e.statusCode >= 400 && e.statusCode < 500
	server := status >= 500 || e.statusCode >= 300 && e.statusCode < 400 || e.statusCode >= 500
	saysWhy := e.meaning == meansMissing || e.meaning == meansRefused
	switch {
	case server && !saysWhy, server && op.Submits() && !client:
		return OutcomeAmbiguous
	case !client && !saysWhy:
		return OutcomeAmbiguous
	case e.meaning == meansMissing, e.meaning == meansUnknown && effectiveStatus(status, e) == 404:
		return OutcomeNotFound
	default:
		return OutcomeRefused
	}
}

func success(status int) bool { return status >= 200 && status <= 299 }

// effectiveStatus returns the status that decides: the body's where only it fails.
func effectiveStatus(status int, e envelope) int {
	if success(status) && e.statusCode != 0 && !success(e.statusCode) {
		return e.statusCode
	}
	return status
}

func withheld(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusTooManyRequests
}

func (e envelope) reply(op Operation, status int) Reply {
	r := Reply{Outcome: classify(op, status, e), HTTPStatus: effectiveStatus(status, e), FromAPI: e.fromAPI, Withheld: withheld(status) || withheld(e.statusCode)}
	if e.fromAPI {
		r.Code, r.Message, r.Errors = e.code, e.text, e.errors
	}
	if r.Message == "" {
		r.Message = defaultMessage(r.Outcome, r.HTTPStatus)
	}
	switch {
	case r.Outcome != OutcomeAmbiguous:
	case !e.fromAPI && status == 404:
		r.Err = fmt.Errorf("%w (HTTP %d)", ErrNoOperation, status)
	case r.Code != "":
		r.Err = fmt.Errorf("the reply (HTTP %d, %s) does not settle the call", r.HTTPStatus, r.Code)
	default:
		r.Err = fmt.Errorf("the reply (HTTP %d) is not one of the API's", r.HTTPStatus)
	}
	return r
}

var defaultMessages = map[Outcome]string{
	OutcomeAccepted:     "The API accepted the call.",
	OutcomeNotFound:     "The API does not know this order.",
	OutcomeBusy:         "The terminal is busy with something else.",
	OutcomeRateLimited:  "The API asks for fewer calls.",
	OutcomeUnauthorized: "The API refused the token, or there is none that can be used.",
	OutcomeUnavailable:  "The API could not be reached; nothing was sent.",
}

// defaultMessage returns the sentence for a reply that has none of its own.
func defaultMessage(o Outcome, status int) string {
	switch message := defaultMessages[o]; {
	case message != "":
		return message
	case o == OutcomeRefused:
		return fmt.Sprintf("The API refused the call (HTTP %d).", status)
	case status == 0:
		return "The call was sent and no reply came back."
	}
	return fmt.Sprintf("The API's reply (HTTP %d) does not say what became of the call.", status)
}
