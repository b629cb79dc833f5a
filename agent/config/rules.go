package config

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"tillpost/internal/hostport"
	"tillpost/internal/topic"
)

var (
	currencyPattern = regexp.MustCompile(`^[A-Z]{3}$`)
	hostPattern     = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)
)

// is returns the rule that a text is good. A fault does not repeat it.
func is(good func(string) bool, problem, want string) rule {
	return func(v string) (string, string) {
		if !good(v) {
			return problem, want
		}
		return "", ""
	}
}

var (
	notEmpty = is(func(v string) bool { return strings.TrimSpace(v) != "" }, "is empty", "write a value, or leave the key out")
	// isID is the rule for what becomes part of topics and of the API's paths.
	isID = is(topic.ValidID, "is not a usable id", "an id has 1 to 64 letters, digits and . _ : -")
)

func isCurrency(v string) (problem, want string) {
	if !currencyPattern.MatchString(v) {
		return strconv.Quote(v) + " is not a currency", `write the three capitals of ISO 4217, such as "NOK"`
	}
	return "", ""
}

func isTimezone(v string) (problem, want string) {
	// Go takes "" for UTC and "Local" for the machine's own zone: neither says in which zone a receipt is dated.
	if _, err := time.LoadLocation(v); err != nil || v == "" || v == "Local" {
		return strconv.Quote(v) + " is not a time zone", `write a name of the IANA database, such as "Europe/Oslo"`
	}
	return "", ""
}

func isTopicPrefix(v string) (problem, want string) {
	if fault := topic.PrefixFault(v); fault != "" {
		return fault, `write it like "tillpost" or "shops/oslo"`
	}
	return "", ""
}

func isClientID(v string) (problem, want string) {
	if v == "" || len(v) > 128 || strings.ContainsFunc(v, unicode.IsControl) {
		return "is not a usable client id", "write 1 to 128 bytes without control characters, and another one for every agent"
	}
	return "", ""
}

// isListen is the rule for host:port; no host is every address of the machine, port 0 one that the system chooses.
func isListen(v string) (problem, want string) {
	const example = `write host:port, such as "127.0.0.1:9720"`
	host, port, err := net.SplitHostPort(v)
	if err != nil || !isPort(port) || strings.ContainsAny(host, " /") {
		return strconv.Quote(v) + " is not an address to listen on", example
	}
	return "", ""
}

func isPort(v string) bool {
	_, err := strconv.ParseUint(v, 10, 16)
	return err == nil
}

// isRemotePort reports whether a port can be connected to: 0 is for listeners only.
func isRemotePort(v string) bool { return isPort(v) && strings.Trim(v, "0") != "" }

// isWebURL is the rule for https, or http on a loopback host, where nobody can
// listen in. The value is not repeated; it might hold a password.
func isWebURL(v string) (problem, want string) {
	const example = `write it like "https://host/path"`
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Hostname() == "" || u.Port() != "" && !isRemotePort(u.Port()):
		return "is not a web address", example
	case u.Scheme != "https" && u.Scheme != "http":
		return "is not an https address", example
	case u.User != nil:
		return "holds a user name or password", "take it out of the address"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has a query or fragment", "write the address without ? and #"
	case u.Scheme == "http" && !hostport.Loopback(u.Hostname()):
		return "is not encrypted", "write https; http is for loopback hosts only"
	}
	return "", ""
}

func isHost(v string) (problem, want string) {
	name := strings.ToLower(v)
	if _, err := netip.ParseAddr(name); err == nil {
		return "is an address, which needs no word here", "take it out; names alone are checked"
	}
	if len(name) > 253 || !hostPattern.MatchString(name) {
		return "is no host's name", "write it without scheme, port and path, as till-7.shop.example"
	}
	return "", ""
}

// isOrigin is the rule for what browsers call the origin of a page.
func isOrigin(v string) (problem, want string) {
	const example = `write scheme, host and port as the browser shows them, like "https://till.shop.example" or "http://localhost:8080"`
	u, err := url.Parse(v)
	switch {
	case v == "*":
		return "would let every page in", "name each page's origin"
	case v == "null":
		return "is what a page opened from a file has, and every page can pretend to", "serve the page over http, and name that origin"
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Port() != "" && !isRemotePort(u.Port()) || strings.Contains(u.Host, "*"):
		return "is not an origin", example
	case u.Scheme != "https" && u.Scheme != "http":
		return "is not an http or https origin", example
	case u.User != nil || u.Path != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(v, "#"):
		return "has more than a scheme, a host and a port", example
	}
	return "", ""
}

// canonicalOrigin returns an origin that passed isOrigin as browsers write it.
func canonicalOrigin(v string) string {
	u, _ := url.Parse(v)
	host := strings.ToLower(u.Host)
	if usual := map[string]string{"http": "80", "https": "443"}[u.Scheme]; u.Port() == usual || u.Port() == "" {
		host = strings.TrimSuffix(strings.TrimSuffix(host, ":"+u.Port()), ":")
	}
	return u.Scheme + "://" + host
}

// canonicalURL returns the same text for two spellings of an address that passed isWebURL.
func canonicalURL(v string) string {
	u, _ := url.Parse(v)
	u.Host = strings.ToLower(u.Host)
	return strings.TrimRight(u.String(), "/")
}

// isBrokerURL is the rule for tcp:// and tls://host[:port]. The value is not repeated; it might hold a password.
func isBrokerURL(v string) (problem, want string) {
	const example = `write it like "tls://host:8883" or "tcp://host:1883"`
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Hostname() == "" || u.Port() != "" && !isRemotePort(u.Port()):
		return "is not a broker's address", example
	case u.Scheme != "tcp" && u.Scheme != "tls":
		return "is not a tcp:// or tls:// address", example
	case u.User != nil:
		return "holds a user name or password", "put them into mqtt.username and the file of mqtt.password_file"
	case strings.TrimPrefix(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return "has more than a host and a port", example
	}
	return "", ""
}

// canonicalBroker adds the scheme's usual port to an address that passed isBrokerURL and has none.
func canonicalBroker(v string) string {
	u, _ := url.Parse(v)
	usual := map[string]string{"tcp": "1883", "tls": "8883"}[u.Scheme]
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), cmp.Or(u.Port(), usual))
}

// oneOf returns the rule that a text is one of a few. The value, which may be a customer's, is not repeated.
func oneOf(choices ...string) rule {
	chosen := func(v string) bool { return slices.Contains(choices, v) }
	return is(chosen, "is not one of the choices", "write "+listedQuoted(choices))
}

func listedQuoted(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = strconv.Quote(word)
	}
	last := len(quoted) - 1
	return strings.Join(quoted[:last], ", ") + " or " + quoted[last]
}

// shortDuration returns a duration as one would write it in the file: 10m, not 10m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
