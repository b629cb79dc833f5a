// Package hostport reports which hosts and addresses only this machine can reach, without asking a resolver.
package hostport

import (
	"net"
	"net/netip"
	"strings"
)

// Loopback reports whether host can only be this machine: it is "localhost" or a loopback address.
func Loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && ip.Unmap().IsLoopback()
}

// Unspecified reports whether a listener at host is reached by all addresses of its machine.
func Unspecified(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}

// BeyondLoopback reports whether other machines may reach a listener at address, a host and a port. Of a host name other
// than localhost, and of what is no address, that can't be excluded.
func BeyondLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err != nil || !Loopback(host)
}

// Near returns the address at which this machine reaches a listener of its own at address.
func Near(address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	if Unspecified(host) {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port), nil
}
