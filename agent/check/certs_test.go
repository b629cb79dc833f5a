package check

import (
	"crypto/tls"
	"net"
	"testing"
	"time"

	"tillpost/internal/certtest"
	"tillpost/internal/proctest"
)

// certificate makes one for 127.0.0.1 that signs itself and ends then, and returns its files.
func certificate(t *testing.T, end time.Time) (certFile, keyFile string) {
	t.Helper()
	c := certtest.New(t, certtest.Options{From: end.AddDate(-1, 0, 0), To: end})
	return c.CertFile, c.KeyFile
}

// serveTLS shakes hands with whoever comes until the test ends, and returns the port on 127.0.0.1.
func serveTLS(t *testing.T, certFile, keyFile string) string {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, func(conn net.Conn) {
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}).HandshakeContext(t.Context())
	})
}

// serve runs talk on every connection until the test ends.
func serve(t *testing.T, talk func(net.Conn)) (port string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { _ = l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			talk(conn)
			_ = conn.Close()
		}
	}()
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// closedPort is one that nobody listens on.
func closedPort(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(proctest.FreeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	return port
}
