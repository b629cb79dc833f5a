package monitor

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"tillpost/internal/hostport"
)

// securityHeaders go on every answer, unless the operator's web configuration
// has set the same header. The policy allows nothing; a page that needs more
// sets its own in place of it.
var securityHeaders = [][2]string{
	{"Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "deny"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cache-Control", "no-store"},
}

const (
	wrongHostText = "This server answers under an IP address, \"localhost\", its machine's host name, " +
		"the host of http.listen or those of http.hosts only. Use one of these in the address."
	wrongOriginText = "Requests that change something are not taken from the pages of another site."
)

// guard wraps next with what holds for every path: the headers, the check of the
// Host header, the check that nothing is changed on behalf of another site's
// page, and the bound of the body.
func guard(next http.Handler, hosts hostCheck) http.Handler {
	origin := http.NewCrossOriginProtection()
	origin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, r, http.StatusForbidden, codeWrongOrigin, wrongOriginText)
	}))
	next = origin.Handler(http.MaxBytesHandler(next, maxBodyBytes))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		for _, kv := range securityHeaders {
			if h.Get(kv[0]) == "" {
				h.Set(kv[0], kv[1])
			}
		}
		if !hosts.allows(r.Host) {
			writeError(w, r, http.StatusMisdirectedRequest, codeWrongHost, wrongHostText)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// hostCheck holds the names by which the server may be addressed, in lower
// case. It is what stops DNS rebinding: a hostile page can make its own name
// resolve to our address and so read us through the browser of someone in the
// shop, but the browser then sends that name as Host. An IP address can't be
// made to resolve elsewhere, so any is fine.
type hostCheck map[string]struct{}

// newHostCheck allows "localhost" and those of the names that are not empty.
func newHostCheck(names ...string) hostCheck {
	c := hostCheck{"localhost": {}}
	for _, name := range names {
		if name != "" {
			c[canonicalHost(name)] = struct{}{}
		}
	}
	return c
}

// allows reports whether a request with this Host header may be answered; the
// port is of no consequence, because a forwarded one differs from ours.
func (c hostCheck) allows(header string) bool {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	} else if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	_, ok := c[canonicalHost(host)]
	return ok
}

// canonicalHost puts a name in lower case and takes off the root's dot.
func canonicalHost(name string) string {
	return strings.TrimSuffix(strings.ToLower(name), ".")
}

const readOnlyText = "without users in http.web_config_file, changes are taken from this machine only, and not through a proxy"

// mayWrite reports whether a client may change something: every user if the web configuration has users, else this
// machine only. A client behind a proxy may be anybody, whatever the proxy's own address is.
func (s *Server) mayWrite(r *http.Request) bool {
	if len(readWebConfig(s.opts.WebConfigFile).Users) > 0 {
		return true
	}
	for name := range r.Header {
		if name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	return !hostport.BeyondLoopback(r.RemoteAddr)
}
