package check

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"
)

func TestReach(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, time.Now().Add(time.Hour))
	roots, err := readRoots(cert)
	if err != nil {
		t.Fatal(err)
	}
	good := serveTLS(t, cert, key)
	endedCert, endedKey := certificate(t, time.Now().Add(-time.Hour))
	endedRoots, err := readRoots(endedCert)
	if err != nil {
		t.Fatal(err)
	}
	ended := serveTLS(t, endedCert, endedKey)
	plain := serve(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
	for name, tc := range map[string]struct {
		host, port string
		config     *tls.Config
		text, fix  string
	}{
		"good":              {"127.0.0.1", good, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}, "", ""},
		"without TLS":       {"127.0.0.1", plain, nil, "", ""},
		"refused":           {"127.0.0.1", closedPort(t), nil, "refuses connections", "is it running there"},
		"unknown authority": {"127.0.0.1", good, &tls.Config{ServerName: "127.0.0.1"}, "unknown authority", "ca_file"},
		"other name":        {"127.0.0.1", good, &tls.Config{RootCAs: roots, ServerName: "127.0.0.2"}, "127.0.0.2", "the name that the certificate has"},
		"ended":             {"127.0.0.1", ended, &tls.Config{RootCAs: endedRoots, ServerName: "127.0.0.1"}, "expired", "this machine's clock is wrong"},
		"no TLS there":      {"127.0.0.1", plain, &tls.Config{ServerName: "127.0.0.1"}, "does not speak TLS", "is the port right"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := reach(t.Context(), tc.host, tc.port, tc.config)
			fs := about("API")
			if err != nil {
				fs.unreached(err)
				want(t, fs.list, "FAIL API…"+tc.text+"…"+tc.fix)
			}
			if (err == nil) != (tc.text == "") {
				t.Fatalf("%v", err)
			}
			if err == nil && (r.took <= 0 || r.end.IsZero() != (tc.config == nil)) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func TestReachInWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err       error
		text, fix string
	}{
		{unnamed("api.shop", &net.DNSError{IsNotFound: true}), "there is no host api.shop", "correct the name"},
		{unnamed("api.shop", &net.DNSError{IsTimeout: true}), "no name server answers", "is the network up"},
		{unnamed("api.shop", errors.New("odd")), "can't be looked up: odd", "network"},
		{unconnected("h", "1", context.DeadlineExceeded), "h:1 does not answer", "firewall let port 1 out"},
		{unconnected("h", "1", errors.New("odd")), "connecting to h:1: odd", "this machine"},
		{unsecured("h", context.DeadlineExceeded), "does not come about in time", "port"},
		{unsecured("h", errors.New("odd")), "TLS with h: odd", "log"},
	} {
		fs := about("API")
		fs.unreached(tc.err)
		want(t, fs.list, "FAIL API …"+tc.text+"…"+tc.fix)
	}
}

func TestReachGivesUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	port := serve(t, func(net.Conn) { cancel() }) // it takes the connection, and no more can come of it
	_, err := reach(ctx, "127.0.0.1", port, &tls.Config{ServerName: "127.0.0.1"})
	if err == nil {
		t.Fatal("a handshake that never ended succeeded")
	}
}
