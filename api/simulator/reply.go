package simulator

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// The messages that several operations share. The documents write the general
// failure in two ways, by operation.
const (
	msgWentWrong      = "somethingWentWrong"
	msgWentWrongWords = "Something Went Wrong"
	msgBusy           = "terminalIsBusy"
	msgNotFound       = "orderNotFound"
	msgInvalid        = "payloadValidationErrors"
	msgRetrieved      = "Order Status Retrieved Successfully"
)

// The status_message that goes with each kind of refusal.
const (
	statusConflict  = "Conflict of Business Logic"
	statusException = "Execution Exception Occurred"
	statusClient    = "Client Error"
)

// statusExecutionFailed is the API's general failure, 510.
const statusExecutionFailed = 510

// reply is a reply before it is written: the HTTP status, the envelope's fields in
// order, and headers.
type reply struct {
	http   int
	fields []field
	raw    []byte // instead of fields
	header map[string]string
}

// field is one member of an envelope.
type field struct {
	key   string
	value any
}

// envelope returns a reply whose two status codes agree.
func envelope(code int, statusMessage, message string, rest ...field) reply {
	fields := []field{{"status_code", code}, {"status_message", statusMessage}}
	// order_status and refund_status stand before the message in the documents.
	for len(rest) > 0 && strings.HasSuffix(rest[0].key, "_status") {
		fields, rest = append(fields, rest[0]), rest[1:]
	}
	fields = append(fields, field{"message", message})
	return reply{http: code, fields: append(fields, rest...)}
}

// success returns a reply that carries data, or null.
func success(code int, message string, data any) reply {
	return envelope(code, "OK", message, field{"is_data", data != nil}, field{"data", data})
}

// withStatus returns a success without data but with a status beside the message.
func withStatus(key string, status any, message string) reply {
	return envelope(http.StatusOK, "OK", message, field{key, status}, field{"is_data", false}, field{"data", nil})
}

// failure returns a refusal in the is_error form, with errors as the documents print it.
func failure(code int, statusMessage, message string) reply {
	return envelope(code, statusMessage, message, field{"is_error", true}, field{"errors", "Array"})
}

// conflictData and conflictError are the two forms of a business refusal.
func conflictData(message string) reply {
	return envelope(http.StatusBadRequest, statusConflict, message, field{"is_data", false}, field{"data", nil})
}

func conflictError(message string) reply {
	return failure(http.StatusBadRequest, statusConflict, message)
}

// conflictNull returns the third form, with is_error false.
func conflictNull(message string) reply {
	return envelope(http.StatusBadRequest, statusConflict, message, field{"is_error", false}, field{"errors", nil})
}

// notFoundError and notFoundData are the two forms of a 404.
func notFoundError(message string) reply {
	return envelope(http.StatusNotFound, "Not Found", message, field{"is_error", false}, field{"errors", nil})
}

func notFoundData(message string) reply {
	return envelope(http.StatusNotFound, "Not Found", message, field{"is_data", false}, field{"data", nil})
}

// busy returns the reply of a busy terminal.
func busy() reply { return failure(statusExecutionFailed, statusException, msgBusy) }

// invalid returns the 417 of a payload that breaks the rules.
func (s *Simulator) invalid(errs map[string][]string) reply {
	rep := failure(http.StatusExpectationFailed, statusClient, msgInvalid)
	if s.opts.DetailedErrors {
		rep.fields[len(rep.fields)-1].value = errs
	}
	return rep
}

// unauthenticated returns the reply to a wrong token; the documents do not show it.
func unauthenticated() reply {
	return failure(http.StatusUnauthorized, "Unauthorized", "Unauthenticated.")
}

// forbidden returns the reply to what the token may not do; the documents do not show it.
func forbidden() reply {
	return failure(http.StatusForbidden, "Forbidden", "Forbidden")
}

// tooMany returns the reply beyond the rate limit; the documents do not show it.
func tooMany(retryAfter string) reply {
	rep := failure(http.StatusTooManyRequests, "Too Many Requests", "Too Many Attempts.")
	rep.header = map[string]string{"Retry-After": retryAfter}
	return rep
}

// methodNotAllowed returns the reply to a wrong method.
func methodNotAllowed(allowed []string) reply {
	rep := failure(http.StatusMethodNotAllowed, "Method Not Allowed", "Method Not Allowed")
	rep.header = map[string]string{"Allow": strings.Join(allowed, ", ")}
	return rep
}

// render returns the body as it goes on the wire.
func (rep reply) render() []byte {
	if rep.fields == nil {
		return rep.raw
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, f := range rep.fields {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + f.key + `":`)
		if err := enc.Encode(f.value); err != nil {
			return nil // a value of ours that is no JSON: shows as an empty reply
		}
		b.Truncate(b.Len() - 1) // Encode's newline
	}
	b.WriteByte('}')
	return b.Bytes()
}
