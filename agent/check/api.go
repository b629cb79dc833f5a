package check

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"tillpost/api"
)

type apiFacts struct {
	findings []Finding
	// skew is how far our clock is ahead of the API's by its last Date header, if dated.
	skew  time.Duration
	dated bool
}

// observe is called with each call, one after the other.
func (a *apiFacts) observe(c api.Call) {
	if !c.Date.IsZero() {
		a.skew, a.dated = c.At.Sub(c.Date).Truncate(time.Second), true
	}
}

const notTried = "not asked: the API can't be reached"

// api connects to the API and calls what only reads.
func (c *checker) api(ctx context.Context) apiFacts {
	reachable, token, terminals, lookups := about("API"), about("token"), about("terminals"), about("lookups")
	var facts apiFacts
	hasToken := c.token(token)
	client, err := c.reachAPI(ctx, reachable, facts.observe)
	switch {
	case err != nil:
		if hasToken {
			token.warn("", notTried)
		}
		terminals.warn("", notTried)
		lookups.warn("", notTried)
	case !hasToken:
		terminals.warn("", "not asked: there is no token")
		lookups.warn("", "not asked: there is no token")
	case c.terminals(ctx, client, reachable, token, terminals):
		c.lookups(ctx, client, token, lookups)
	default:
		lookups.warn("", "not asked: the API did not take the call before")
	}
	if client != nil {
		client.Close()
	}
	for _, fs := range []*findings{reachable, token, terminals, lookups} {
		facts.findings = append(facts.findings, fs.done()...)
	}
	return facts
}

// reachAPI takes the steps to the API one by one, and returns a client for it.
func (c *checker) reachAPI(ctx context.Context, fs *findings, observe func(api.Call)) (*api.Client, error) {
	u, _ := url.Parse(c.cfg.API.BaseURL) // the configuration was checked
	roots, err := readRoots(c.cfg.API.CAFile)
	if err != nil {
		fs.fail("see secrets", "the API was not asked: api.ca_file can't be used")
		return nil, err
	}
	port, config := "80", (*tls.Config)(nil)
	if u.Scheme == "https" {
		port, config = "443", &tls.Config{RootCAs: roots, ServerName: u.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	}
	r, err := reach(ctx, u.Hostname(), cmp.Or(u.Port(), port), config)
	if err != nil {
		fs.unreached(err)
		return nil, err
	}
	fs.ok("%s answers in %s", u.Host, shortTime(r.took))
	if config != nil {
		c.expiry(fs, u.Host, r.end)
		fs.ok("certificate good until %s", r.end.In(c.cfg.Store.Location).Format("2 January 2006"))
	}
	return api.New(api.Options{
		BaseURL: c.cfg.API.BaseURL, OrganizationUUID: c.cfg.API.OrganizationUUID, Token: c.cfg.Token,
		Timeout: min(c.cfg.API.Timeout, answerTimeout), RootCAs: roots, RequestsPerMinute: c.cfg.API.RequestsPerMinute,
		UserAgent: "tillpost-check/" + c.opts.Version, Observe: observe,
	})
}

// terminals asks for the terminals ("Get Terminal Lists"). It returns false if asking for more makes no sense.
func (c *checker) terminals(ctx context.Context, client *api.Client, reachable, token, fs *findings) bool {
	if c.cfg.API.OrganizationUUID == "" {
		fs.warn("set api.organization_uuid", "named in the configuration: %s; whether the API has them is not known without the organisation",
			few(c.cfg.Terminals))
		return true // the look-ups show whether the token is good
	}
	list, reply := client.ListTerminals(ctx)
	if reply.Outcome == api.OutcomeRefused && reply.HTTPStatus == http.StatusForbidden {
		token.fail("ask Front Payment what this token may do, and see api.organization_uuid", "the API knows the token, but does not let it list the terminals: %s", reply.Message)
		fs.warn("see token", "not known")
		return false
	}
	if !c.accepted(reply, "list of terminals", reachable, token) {
		if len(token.list) > 0 {
			fs.warn("see token", "not known")
			return false
		}
		token.warn("", "whether the API accepts it is not known")
		fs.fail(unlisted(reply), "the API did not list them: %s", describe(reply))
		return false
	}
	token.ok("accepted by the API")
	c.reportTerminals(fs, list)
	return true
}

// unlisted returns what to do where the API returned no list of terminals, for a reason that has no line of its own.
func unlisted(r api.Reply) string {
	switch {
	case r.Outcome == api.OutcomeRateLimited, r.Outcome == api.OutcomeUnavailable:
		return "see API, and check again"
	case r.HTTPStatus == http.StatusNotFound:
		return "see whether api.base_url ends as Front Payment's does, in /api/v1; then api.organization_uuid"
	}
	return "see api.organization_uuid; if it is right, check again, and ask Front Payment if it stays so"
}

// accepted reports whether a call was accepted; where it was not, for a reason that any call can have, it adds that to the
// lines that it concerns.
func (c *checker) accepted(r api.Reply, what string, reachable, token *findings) bool {
	switch r.Outcome {
	case api.OutcomeAccepted:
		return true
	case api.OutcomeUnauthorized:
		token.fail("put a valid token in its place; the running service takes it up by itself", "the API does not accept the token (401)")
	case api.OutcomeRateLimited:
		reachable.warn("lower api.requests_per_minute if it happens again", "the API asks for fewer calls; it was not asked for the %s", what)
	case api.OutcomeUnavailable:
		reachable.fail("see the network", "the %s could not be asked for: %s", what, describe(r))
	case api.OutcomeAmbiguous:
		if !r.FromAPI && r.HTTPStatus != 0 && r.HTTPStatus != http.StatusNotFound { // a 404 is rather a wrong address
			reachable.fail("see what stands between: a proxy, a login page of the network, or an outage at Front Payment; then check again",
				"somebody else than Front Payment's API answered when it was asked for the %s (HTTP %d)", what, r.HTTPStatus)
		}
	}
	return false
}

func describe(r api.Reply) string {
	if r.Err != nil && r.HTTPStatus == 0 {
		return r.Message + " (" + r.Err.Error() + ")"
	}
	if r.HTTPStatus != 0 && !strings.Contains(r.Message, fmt.Sprint(r.HTTPStatus)) {
		return fmt.Sprintf("%s (HTTP %d)", r.Message, r.HTTPStatus)
	}
	return r.Message
}

func (c *checker) reportTerminals(fs *findings, list []api.Terminal) {
	var active, resting []string
	known := map[string]bool{}
	for _, t := range list {
		known[t.UUID] = true
		if len(c.cfg.Terminals) > 0 && !slices.Contains(c.cfg.Terminals, t.UUID) {
			continue
		}
		if t.Active {
			active = append(active, nameOf(t))
		} else {
			resting = append(resting, nameOf(t))
		}
	}
	if len(active) > 0 {
		fs.ok("%d: %s", len(active), few(active))
	}
	if len(resting) > 0 {
		fs.warn("activate them at Front Payment, or leave them out", "not active: %s", few(resting))
	}
	missing := slices.DeleteFunc(slices.Clone(c.cfg.Terminals), func(uuid string) bool { return known[uuid] })
	if len(missing) > 0 {
		fs.fail("correct terminals in the configuration, or api.organization_uuid", "the API does not have %s", few(missing))
	}
	if len(list) == 0 && len(missing) == 0 {
		fs.fail("see api.organization_uuid, and whether terminals are set up at Front Payment", "the organisation has none")
	}
}

func nameOf(t api.Terminal) string {
	if t.Name == "" || t.Name == t.UUID {
		return t.UUID
	}
	return t.Name + " (" + t.UUID + ")"
}

// few returns a list as text, cut if it is long.
func few(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}
