package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"syscall"
	"time"
)

type reached struct {
	// end is when the first of its certificates ends; zero without TLS.
	end  time.Time
	took time.Duration
}

// unreached says at which step a server could not be reached, and what to do.
type unreached struct {
	text, fix string
}

func (u *unreached) Error() string { return u.text }

// reach takes the steps to a server one by one, so that the error says which of them failed: name, connection and, with a
// config, TLS. The connection is closed again.
func reach(ctx context.Context, host, port string, config *tls.Config) (reached, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if net.ParseIP(host) == nil {
		if _, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return reached{}, unnamed(host, err)
		}
	}
	begun := time.Now()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return reached{}, unconnected(host, port, err)
	}
	defer func() { _ = conn.Close() }()
	r := reached{took: time.Since(begun)}
	if config == nil {
		return r, nil
	}
	secured := tls.Client(conn, config)
	if err := secured.HandshakeContext(ctx); err != nil {
		return reached{}, unsecured(host, err)
	}
	r.took = time.Since(begun)
	for _, cert := range secured.ConnectionState().PeerCertificates {
		if r.end.IsZero() || cert.NotAfter.Before(r.end) {
			r.end = cert.NotAfter
		}
	}
	return r, nil
}

func unnamed(host string, err error) error {
	u := &unreached{text: "the name " + host + " can't be looked up: " + err.Error(), fix: "is the network up? see the name server in /etc/resolv.conf or of the router"}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		switch {
		case dns.IsNotFound:
			u.text, u.fix = "there is no host "+host, "correct the name"
		case dns.IsTimeout:
			u.text = "no name server answers for " + host
		}
	}
	return u
}

func unconnected(host, port string, err error) error {
	where := net.JoinHostPort(host, port)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return &unreached{where + " refuses connections", "is it running there, and is the port right?"}
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return &unreached{"there is no way to " + where, "is the network up? see the cable, the address and the gateway"}
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return &unreached{where + " does not answer", "is it switched on? does a firewall let port " + port + " out?"}
	}
	return &unreached{"connecting to " + where + ": " + err.Error(), "see that this machine may reach it"}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func unsecured(host string, err error) error {
	text := "TLS with " + host + ": " + err.Error()
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
		return &unreached{text, "the certificate has ended, or this machine's clock is wrong"}
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return &unreached{text, "name the authority's file in ca_file; for a public one install ca-certificates; or something between reads along"}
	}
	if wrong, ok := errors.AsType[x509.HostnameError](err); ok && nameless(wrong.Certificate) {
		return &unreached{"TLS with " + host + ": its certificate has no subjectAltName, without which no name is good", withName(host)}
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return &unreached{text, "write the name that the certificate has"}
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return &unreached{"what answers at " + host + " does not speak TLS", "is the port right? or write the address without TLS, if that is allowed"}
	}
	if errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		return &unreached{"TLS with " + host + " does not come about in time", "is the port right?"}
	}
	return &unreached{text, "see the other side's log"}
}

// unreached adds the error of reach.
func (fs *findings) unreached(err error) {
	if u, ok := errors.AsType[*unreached](err); ok {
		fs.fail(u.fix, "%s", u.text)
		return
	}
	fs.fail("see that this machine may reach it", "%v", err)
}
