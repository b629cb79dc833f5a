package config

import (
	"net/netip"
	"regexp"
	"slices"
	"strings"
)

var hostPattern = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

func (t *table) hosts(c *Config) {
	for _, name := range t.texts("hosts", "http.hosts", `a list of names, such as ["till-7.shop.example"]`, isHost) {
		if name = strings.ToLower(name); !slices.Contains(c.HTTP.Hosts, name) {
			c.HTTP.Hosts = append(c.HTTP.Hosts, name)
		}
	}
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
