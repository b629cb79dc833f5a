package setup

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Paths say where the files are.
type Paths struct {
	// Folder is that of the configuration; secrets are beside it.
	Folder string
	// Outbox is the outbox's file; "" leaves it to the default.
	Outbox string
}

// The files beside the configuration.
const (
	tokenFile    = "api-token"
	passwordFile = "mqtt-password" // the name of a file, not a password
	webFile      = "web.yml"
	certFile     = "web-cert.pem"
	keyFile      = "web-key.pem"
)

func (p Paths) in(name string) string { return filepath.Join(p.Folder, name) }

// Render writes a configuration with comments.
func Render(a Answers, p Paths) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# The configuration of tillpost, made by \"tillpost init\". All keys are in")
	line("# /usr/share/doc/tillpost/tillpost.toml; \"tillpost check\" tries everything.")
	line("# Restart tillpost after a change: sudo systemctl restart tillpost")
	line("\n[store]")
	if a.Store != "" {
		line("name = %s", quoted(a.Store))
	}
	line("# The zone that decides which day an order is of.\ntimezone = \"Europe/Oslo\"\ncurrency = \"NOK\"")
	line("\n[api]\nbase_url = %s\norganization_uuid = %s", quoted(a.APIURL), quoted(a.Organization))
	line("# Holds the token alone. Replaced, it is used within ten seconds, without a restart.\ntoken_file = %s", quoted(p.in(tokenFile)))
	renderBroker(line, a, p)
	if p.Outbox != "" {
		line("\n[outbox]\npath = %s", quoted(p.Outbox))
	}
	line("\n# Metrics, health, and the page for technicians.\n[http]\nlisten = %s", quoted(a.Page))
	if a.Guarded() || a.TLS {
		line("# TLS and users, in the format of Prometheus' exporter-toolkit.\nweb_config_file = %s", quoted(p.in(webFile)))
	}
	renderDefaults(line, a)
	return b.Bytes()
}

func renderBroker(line func(string, ...any), a Answers, p Paths) {
	addr, embedded := a.embeddedAt()
	if embedded {
		line("\n# Without a url tillpost is the broker; tills beyond this machine need users, see")
		line("# /usr/share/doc/tillpost/embedded-broker.md.\n[mqtt.embedded]")
		if addr == "" {
			addr = "127.0.0.1:1883"
		}
		line("listen = %s", quoted(addr))
		return
	}
	line("\n[mqtt]\nurl = %s", quoted(a.Broker))
	if a.BrokerUser != "" {
		line("username = %s", quoted(a.BrokerUser))
		if a.BrokerPassword != "" {
			line("password_file = %s", quoted(p.in(passwordFile)))
		}
	}
}

func renderDefaults(line func(string, ...any), a Answers) {
	if a.Customer == nil {
		line("\n# What an order gets that has no customerDetails of its own: the API wants a name, a")
		line("# phone, a mail address and an address of everybody, also of who only walks in.")
		line("#[order_defaults.customerDetails]")
		return
	}
	line("\n# What an order gets that has no customerDetails of its own, as of a customer who walks in.\n[order_defaults]")
	send := a.SendOrderBy
	if send == nil {
		send = json.RawMessage(`{"sms":false,"email":true}`)
	}
	line("sendOrderBy = %s", inline(send))
	line("customerDetails = %s", inline(a.Customer))
}

// quoted returns a text as TOML writes it; a backslash, as in the paths of Windows, and a quote are escaped.
func quoted(s string) string {
	text := strconv.Quote(s)
	if strings.Contains(text, `\x`) || strings.Contains(text, `\a`) || strings.Contains(text, `\v`) { // TOML has no such escapes
		b, _ := json.Marshal(s) // a text has no error
		text = string(b)
	}
	return text
}

// inline writes JSON as a value of TOML. Null has no place there: the member is left out.
func inline(raw json.RawMessage) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return "{}"
	}
	return tomlValue(v)
}

func tomlValue(v any) string {
	switch v := v.(type) {
	case map[string]any:
		var parts []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if v[key] != nil {
				parts = append(parts, tomlKey(key)+" = "+tomlValue(v[key]))
			}
		}
		return "{ " + strings.Join(parts, ", ") + " }"
	case []any:
		var parts []string
		for _, e := range v {
			if e != nil {
				parts = append(parts, tomlValue(e))
			}
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case string:
		return quoted(v)
	}
	return fmt.Sprint(v)
}

func tomlKey(key string) string {
	bare := key != "" && !strings.ContainsFunc(key, func(r rune) bool {
		return !(r == '_' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z')
	})
	if bare {
		return key
	}
	return quoted(key)
}
