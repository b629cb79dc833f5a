package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/internal/certtest"
	"tillpost/internal/proctest"
)

// lineTrip is the round trip of a line such as shops have.
const lineTrip = 40 * time.Millisecond

// BenchmarkLine is the way of an order from the till's publish until the API has read it, for the real binary at two orders
// a second, over TLS and a line with a round trip of 40 ms: on the connection that stood ready for it (ready), and with an
// API that closes unused connections after a second, so that none is kept and each order has its own dialled (dialled).
// The floor is one and two bare commits and a request on a connection that is open and was used before, over the same line,
// until the API has read that. round-trips is p50 in those of the line, ready/order how many orders went on a connection
// that was there before them; the benchmark fails where more than one of ten is not of its kind. Run it with a -benchtime in
// orders, such as 30x.
func BenchmarkLine(b *testing.B) {
	for _, ready := range []bool{true, false} {
		name, unused := "ready", proctest.Patience
		if !ready {
			name, unused = "dialled", time.Second
		}
		b.Run(name, func(b *testing.B) {
			api := startLineAPI(b, unused)
			came := watchArrivals(b, api.fakeAPI)
			far := openLine(b, api.addr, lineTrip)
			s := &shop{broker: brokerEmbedded, api: far, ca: api.cert.CertFile}
			s.start(b)
			s.awaitOnline(b)
			onReady, next := 0, s.orders(b, came)
			t := &turns{floor: warmFloor(b, api, far, came), order: func() time.Duration {
				begun := time.Now()
				took := next()
				if time.Unix(0, api.made.Load()).Before(begun) {
					onReady++
				}
				return took
			}}
			t.warm(5, 2)
			if !ready {
				time.Sleep(2 * unused) // those that the first orders left behind are closed
			}
			onReady = 0
			n := 0
			for b.Loop() {
				t.run(1, 2)
				n++
			}
			t.report(b)
			b.ReportMetric(quantile(t.took, 0.5)*float64(time.Millisecond)/float64(lineTrip), "round-trips")
			b.ReportMetric(float64(onReady)/float64(n), "ready/order")
			if ready && onReady < n-n/10 || !ready && onReady > n/10 {
				b.Errorf("%d of %d orders went on a connection that was there before them", onReady, n)
			}
		})
	}
}

// lineAPI is the simulated API over TLS.
type lineAPI struct {
	*fakeAPI
	cert certtest.Certificate // which vouches for itself
	made atomic.Int64         // when the connection was made that the last order came on, as of [time.Time.UnixNano]
}

// madeKey is when a connection was made, in the context of its requests.
type madeKey struct{}

// startLineAPI starts an API that closes a connection over which nothing was asked for so long.
func startLineAPI(b *testing.B, unused time.Duration) *lineAPI {
	b.Helper()
	cert := certtest.New(b, certtest.Options{})
	ln, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	a := &lineAPI{fakeAPI: newAPI(ln.Addr().String()), cert: cert}
	server := &http.Server{
		Handler: a, ReadHeaderTimeout: unused,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, madeKey{}, time.Now())
		},
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(tls.NewListener(ln, &tls.Config{Certificates: []tls.Certificate{cert.TLS}, MinVersion: tls.VersionTLS13}))
	}()
	b.Cleanup(func() {
		_ = server.Close() // nobody is there any more
		<-served
	})
	return a
}

// ServeHTTP implements http.Handler.
func (a *lineAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, createPath) {
		made, _ := r.Context().Value(madeKey{}).(time.Time)
		a.made.Store(made.UnixNano())
	}
	a.fakeAPI.ServeHTTP(w, r)
}

// warmFloor opens a connection to the API over a line, and returns what does so many bare commits and sends an order on it
// until the API has read that.
func warmFloor(b *testing.B, api *lineAPI, far string, came *arrivals) func(commits int) time.Duration {
	b.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(api.cert.PEM)
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}).DialContext(b.Context(), "tcp", far)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close() })
	f, replies, next := newFloor(b, ""), bufio.NewReader(conn), 0
	take := func(commits int) time.Duration {
		id := fmt.Sprintf("floor-%d", next)
		next++
		start := time.Now()
		for range commits {
			if err := f.commit(); err != nil {
				b.Fatal(err)
			}
		}
		rq, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "https://"+far+createPath, bytes.NewReader(order(id)))
		if err != nil {
			b.Fatal(err)
		}
		var request bytes.Buffer
		_ = rq.Write(&request) // a buffer takes everything
		if _, err := conn.Write(request.Bytes()); err != nil {
			b.Fatal(err)
		}
		at, ok := came.await(id)
		if !ok {
			b.FailNow()
		}
		reply, err := http.ReadResponse(replies, rq)
		if err != nil {
			b.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, reply.Body)
		_ = reply.Body.Close()
		return at.Sub(start)
	}
	take(0) // an API that closes unused connections keeps those that were used
	return take
}
