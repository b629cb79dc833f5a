// Package setup makes a first configuration out of answers: it asks for them, checks them by the rules of the
// configuration, and writes the files. It overwrites nothing.
package setup

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"tillpost/agent/config"
	"tillpost/internal/hostport"
)

// Answers are what a configuration is made of.
type Answers struct {
	Store        string
	APIURL       string
	Organization string
	// Token is a secret; "" where the token file is there already.
	Token string
	// Broker is "embedded", or the URL of an external broker.
	Broker string
	// BrokerUser and BrokerPassword log in at an external broker; both may be empty.
	BrokerUser, BrokerPassword string
	// Customer and SendOrderBy are JSON objects that orders without them get; nil: none.
	Customer, SendOrderBy json.RawMessage
	// Page is the address of the page, HOST:PORT.
	Page string
	// Users may use the page, each with the bcrypt hash of a password; none: nobody has to log in.
	Users map[string]string
	// WebConfig is the page's web configuration as somebody wrote it, in place of Users; nil: there is none.
	WebConfig []byte
	// TLS asks for a certificate for the page.
	TLS bool
}

// The defaults, as questions show them.
const (
	DefaultAPI    = "https://apigo.frontpayment.no/api/v1"
	DefaultBroker = "embedded"
	DefaultPage   = "127.0.0.1:9720"
)

// embeddedAt returns the address of an embedded broker that is not at its usual one: "embedded:HOST:PORT".
func (a Answers) embeddedAt() (addr string, embedded bool) {
	if a.Broker == DefaultBroker {
		return "", true
	}
	return strings.CutPrefix(a.Broker, DefaultBroker+":")
}

// Guarded reports whether the page has users.
func (a Answers) Guarded() bool { return len(a.Users) > 0 || a.WebConfig != nil }

// Beyond reports whether other machines can reach the page.
func (a Answers) Beyond() bool { return hostport.BeyondLoopback(a.Page) }

// firstFault renders the answers, with what else is needed, and returns the first fault of a key that begins with one of
// keys, in words; nil if there is none.
func firstFault(a Answers, keys ...string) error {
	fill := func(s *string, with string) {
		if *s == "" {
			*s = with
		}
	}
	fill(&a.APIURL, DefaultAPI)
	fill(&a.Organization, "ORG1")
	fill(&a.Broker, DefaultBroker)
	fill(&a.Page, DefaultPage)
	_, err := config.Parse("tillpost.toml", Render(a, Paths{Folder: "."}))
	if err == nil {
		return nil
	}
	faults, ok := errors.AsType[*config.Error](err)
	if !ok {
		return err
	}
	for _, f := range faults.Faults {
		for _, key := range keys {
			if strings.HasPrefix(f.Key, key) {
				return worded(f)
			}
		}
	}
	return nil
}

func worded(f config.Fault) error {
	if f.Want == "" {
		return fmt.Errorf("%s %s", f.Key, f.Problem)
	}
	return fmt.Errorf("%s %s; %s", f.Key, f.Problem, f.Want)
}

// Fault returns the first fault of complete answers, in words.
func (a Answers) Fault() error { return firstFault(a, "") }
