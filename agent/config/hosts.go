package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var hostPattern = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

// hosts reads the further names of the HTTP side.
func (t *table) hosts(c *Config) {
	const want = `a list of names, such as ["till-7.shop.example"]`
	var list []any
	as(t, "hosts", &list, want)
	for i, v := range list {
		path := join(t.path, "hosts") + "[" + strconv.Itoa(i) + "]"
		name, isText := v.(string)
		if !isText {
			t.r.fault(path, "is "+typeName(v), "http.hosts must be "+want)
			continue
		}
		name = strings.ToLower(name)
		_, err := netip.ParseAddr(name)
		switch {
		case err == nil:
			t.r.fault(path, "is an address, which needs no word here", "take it out; names alone are checked")
		case len(name) > 253 || !hostPattern.MatchString(name):
			t.r.fault(path, "is no host's name", "write it without scheme, port and path, as till-7.shop.example")
		case !slices.Contains(c.HTTP.Hosts, name):
			c.HTTP.Hosts = append(c.HTTP.Hosts, name)
		}
	}
}
