package simulator

import (
	"encoding/json"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/govalues/decimal"
)

// maxAmount bounds amounts so that sums of them stay exact.
var maxAmount = decimal.MustNew(1_000_000_000_000, 0)

// checker walks a payload and gathers what is wrong with it, by dotted path, in
// the way the API's framework reports it.
type checker struct {
	root map[string]any
	errs map[string][]string
}

func newChecker(payload map[string]any) *checker {
	return &checker{root: payload, errs: map[string][]string{}}
}

func (c *checker) fail(path, what string) {
	c.errs[path] = append(c.errs[path], "The "+path+" "+what)
}

// get returns the value at a dotted path; a null and an empty string count as absent.
func (c *checker) get(path string) (any, bool) {
	var v any = c.root
	for key := range strings.SplitSeq(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			list, isList := v.([]any)
			i, err := strconv.Atoi(key)
			if !isList || err != nil || i >= len(list) {
				return nil, false
			}
			v = list[i]
			continue
		}
		v = m[key]
	}
	return v, v != nil && v != ""
}

// text returns a string, and adds a fault if it is none.
func (c *checker) text(path string, required bool) string {
	v, ok := c.get(path)
	if !ok {
		if required {
			c.fail(path, "field is required.")
		}
		return ""
	}
	s, ok := v.(string)
	if !ok {
		c.fail(path, "field must be a string.")
	}
	return s
}

// oneOf asks for one of some strings.
func (c *checker) oneOf(path string, required bool, allowed ...string) string {
	s := c.text(path, required)
	if s != "" && !slices.Contains(allowed, s) {
		c.fail(path, "is invalid.")
	}
	return s
}

// number returns a number, which may be written as a string, and adds a fault if it is none.
func (c *checker) number(path string, required bool) decimal.Decimal {
	v, ok := c.get(path)
	if !ok {
		if required {
			c.fail(path, "field is required.")
		}
		return decimal.Decimal{}
	}
	d, ok := parseAmount(v)
	if !ok {
		c.fail(path, "field must be a number.")
	}
	return d
}

// parseAmount reads a JSON number, or one in a string, exactly.
func parseAmount(v any) (decimal.Decimal, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	default:
		return decimal.Decimal{}, false
	}
	d, err := decimal.Parse(text)
	if err != nil || d.CmpAbs(maxAmount) > 0 || d.MinScale() > 6 {
		return decimal.Decimal{}, false
	}
	return d.Trim(0), true
}

// boolean returns a truth value, in the forms that the API's framework accepts, and adds a fault if it is none.
func (c *checker) boolean(path string, required bool) bool {
	v, ok := c.get(path)
	if !ok {
		if required {
			c.fail(path, "field is required.")
		}
		return false
	}
	switch v {
	case true, json.Number("1"), "1":
		return true
	case false, json.Number("0"), "0":
		return false
	}
	c.fail(path, "field must be true or false.")
	return false
}

// checkCreate checks a create payload by the rules of "Create Terminal Order".
// today is the first acceptable date, at midnight.
func (c *checker) checkCreate(today time.Time) {
	if lines, ok := productLines(c.root["products"]); !ok || len(lines) == 0 {
		c.fail("products", "field is required.")
	} else {
		for _, l := range lines {
			at := "products." + l.key + "."
			c.text(at+"name", true)
			c.text(at+"productId", false)
			for _, key := range []string{"quantity", "rate", "tax", "amount"} {
				c.number(at+key, true)
			}
			c.number(at+"discount", false)
		}
	}
	for _, key := range []string{"subTotal", "totalTax", "totalDiscount", "grandTotal"} {
		c.number("orderSummary."+key, true)
	}
	sms, email := c.boolean("sendOrderBy.sms", true), c.boolean("sendOrderBy.email", true)
	if !sms && !email {
		c.fail("sendOrderBy", "needs sms or email to be true.")
	}
	date := c.text("orderDate", true)
	if day, err := time.ParseInLocation("02 Jan, 2006", date, today.Location()); date != "" && (err != nil || day.Before(today)) {
		c.fail("orderDate", "must be a date from today on.")
	}
	c.boolean("receiptPrint", true)
	c.text("terminalUuid", true)
	c.checkCustomer()
	for _, key := range []string{"referenceNo", "customerReference", "customerNotes", "tnc"} {
		c.text("invoiceReferences."+key, false)
	}
	if raw := c.text("callbackUrl", false); raw != "" {
		if u, err := url.Parse(raw); err != nil || u.Host == "" {
			c.fail("callbackUrl", "must be a valid URL.")
		}
	}
}

// checkCustomer checks customerDetails.
func (c *checker) checkCustomer() {
	const at = "customerDetails."
	for _, key := range []string{
		"countryCode", "msisdn", "name", "address.street", "address.zip", "address.city",
	} {
		c.text(at+key, true)
	}
	if addr := c.text(at+"email", true); addr != "" {
		if _, err := mail.ParseAddress(addr); err != nil {
			c.fail(at+"email", "must be a valid email address.")
		}
	}
	if country := c.text(at+"address.country", true); country != "" && (len(country) != 2 || country != strings.ToUpper(country)) {
		c.fail(at+"address.country", "must be an ISO alpha-2 country code.")
	}
	c.oneOf(at+"preferredLanguage", false, "en", "no", "sv", "da", "de")
	if no := c.text(at+"personalNumber", false); no != "" && (len(no) != 11 || !digits(no)) {
		c.fail(at+"personalNumber", "must be 11 digits.")
	}
	kind := c.oneOf(at+"type", true, "private", "corporate")
	if id := c.text(at+"organizationId", kind == "corporate"); id != "" && !digits(id) {
		c.fail(at+"organizationId", "must contain only numbers.")
	}
}

func digits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// line is a product of a payload, with its place there.
type line struct {
	key    string
	fields map[string]any
}

// productLines reads products, which the documents write as an object keyed "0",
// "1"… and sister pages as a list. It returns false if they are neither.
func productLines(v any) ([]line, bool) {
	var out []line
	switch v := v.(type) {
	case []any:
		for i, p := range v {
			fields, ok := p.(map[string]any)
			if !ok {
				return nil, false
			}
			out = append(out, line{strconv.Itoa(i), fields})
		}
	case map[string]any:
		for key, p := range v {
			fields, ok := p.(map[string]any)
			if !ok {
				return nil, false
			}
			out = append(out, line{key, fields})
		}
		slices.SortFunc(out, func(a, b line) int {
			if len(a.key) != len(b.key) {
				return len(a.key) - len(b.key)
			}
			return strings.Compare(a.key, b.key)
		})
	default:
		return nil, false
	}
	return out, true
}
