package config

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2"
)

var (
	dialCodePattern       = regexp.MustCompile(`^\+[0-9]{1,4}$`)
	phonePattern          = regexp.MustCompile(`^[0-9]{4,15}$`)
	digitsPattern         = regexp.MustCompile(`^[0-9]+$`)
	personalNumberPattern = regexp.MustCompile(`^[0-9]{11}$`)
	countryPattern        = regexp.MustCompile(`^[A-Z]{2}$`)
)

// orderDefaults reads the defaults of customerDetails and sendOrderBy by the rules of "Front Payment, Create Terminal
// Order", so that a mistake shows when the agent starts and not with each order. Members that the page does not have
// are kept, for the API may accept them by now. No fault here repeats a value.
func (r *reader) orderDefaults(t *table, c *Config) {
	if details := t.table("customerDetails"); details.present {
		details.open = true
		r.customerDetails(details, c.Policy.AllowPersonalNumber)
		c.OrderDefaults.CustomerDetails = r.json(details)
	}
	if sendBy := t.table("sendOrderBy"); sendBy.present {
		sendBy.open = true
		r.sendOrderBy(sendBy)
		c.OrderDefaults.SendOrderBy = r.json(sendBy)
	}
}

func (r *reader) customerDetails(t *table, allowPersonalNumber bool) {
	kind := t.required("type", `write "private" or "corporate"`, oneOf("private", "corporate"))
	t.required("name", "write the customer's name", notEmpty)
	t.required("countryCode", `write the dialling code, such as "+47"`, matches(dialCodePattern, `write the dialling code, such as "+47"`))
	t.required("msisdn", "write the phone number", matches(phonePattern, "write the phone number in digits, without the dialling code"))
	t.required("email", "write the mail address", isMail)
	var optional string
	t.text("preferredLanguage", &optional, oneOf("en", "no", "sv", "da", "de"))
	t.text("customerUuid", &optional, notEmpty)
	if t.text("personalNumber", &optional, matches(personalNumberPattern, "write 11 digits without spaces")) && !allowPersonalNumber {
		r.fault(join(t.path, "personalNumber"), "is refused by policy.allow_personal_number", "take it out: no order needs it")
	}
	if !t.text("organizationId", &optional, matches(digitsPattern, "write digits without spaces")) && kind == "corporate" {
		t.missing("organizationId", "a corporate customer needs it: write digits without spaces")
	}
	address := t.table("address")
	if !address.present {
		t.missing("address", "write a table with street, zip, city and country")
		return
	}
	address.open = true
	for _, key := range []string{"street", "zip", "city"} {
		address.required(key, "write a text", notEmpty)
	}
	const country = `write the two capitals of ISO 3166, such as "NO"`
	address.required("country", country, matches(countryPattern, country))
}

func (r *reader) sendOrderBy(t *table) {
	sms, email := t.flag("sms"), t.flag("email")
	if !sms && !email && !r.bad[join(t.path, "sms")] && !r.bad[join(t.path, "email")] {
		r.fault(t.path, "sends the order by neither sms nor email", "the API needs one of them to be true")
	}
}

func (t *table) required(key, want string, rules ...rule) string {
	var value string
	if !t.text(key, &value, rules...) {
		t.missing(key, want)
	}
	return value
}

func (t *table) flag(key string) bool {
	var value bool
	if !as(t, key, &value, "true or false, without quotes") {
		t.missing(key, "write true or false")
	}
	return value
}

func matches(pattern *regexp.Regexp, want string) rule {
	return is(pattern.MatchString, "has not the form that the API asks for", want)
}

func isMail(v string) (problem, want string) {
	if address, err := mail.ParseAddress(v); err != nil || address.Address != v {
		return "is not a mail address", `write it like "name@example.com"`
	}
	return "", ""
}

func (r *reader) json(t *table) json.RawMessage {
	faults := len(r.faults)
	r.onlyJSON(t.path, t.values)
	if len(r.faults) > faults {
		return nil
	}
	text, _ := json.Marshal(t.values) // nothing is left that JSON does not have
	return text
}

// onlyJSON refuses what would not arrive as written: JSON has no dates, and decimals could change their digits.
func (r *reader) onlyJSON(path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, member := range v {
			r.onlyJSON(join(path, key), member)
		}
	case []any:
		for i, element := range v {
			r.onlyJSON(path+"["+strconv.Itoa(i)+"]", element)
		}
	case float64, time.Time, toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		if !r.bad[path] {
			r.fault(path, "is "+typeName(v), "write it as a text in quotes")
		}
	}
}
