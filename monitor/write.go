package monitor

import (
	"net/http"
	"strings"

	"tillpost/internal/hostport"
)

const readOnlyText = "without users in http.web_config_file, changes are taken from this machine only, and not through a proxy"

// mayWrite reports whether a client may change something: every user if the web configuration has users, else this
// machine only. A client behind a proxy may be anybody, whatever the proxy's own address is.
func (s *Server) mayWrite(r *http.Request) bool {
	if hasUsers(s.opts.WebConfigFile) {
		return true
	}
	for name := range r.Header {
		if name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-") {
			return false
		}
	}
	return !hostport.BeyondLoopback(r.RemoteAddr)
}
