package damage

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/certtest"
)

// A machine that starts in 1970, or in 2038, finds the API's certificate invalid: nothing is sent, written or in doubt
// for that, the cause is published, and the queue goes on in its order, with today's date, once the clock is right. The test
// can't set the machine's clock, so it is the certificate's time that is wrong.
func TestCertificateThatTheClockIsWrongFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.Must(err)
	now := time.Now()
	between := func(from, to time.Time) certtest.Certificate {
		return certtest.New(t, certtest.Options{Key: key, From: from, To: to})
	}
	future := between(now.AddDate(12, 0, 0), now.AddDate(13, 0, 0)) // by a clock of the past
	past := between(now.AddDate(-13, 0, 0), now.AddDate(-12, 0, 0)) // by a clock of the future
	right := between(now.Add(-time.Hour), now.Add(time.Hour))
	w.Write("ca.pem", string(future.PEM)+string(past.PEM)+string(right.PEM))
	var shown atomic.Pointer[tls.Certificate]
	shown.Store(&future.TLS)
	w.Set("api.ca_file", "ca.pem")
	w.Set("api.base_url", w.Serve(&tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return shown.Load(), nil
	}}))
	w.Start()
	w.order("first")
	w.order("second")
	for _, c := range []*tls.Certificate{&future.TLS, &past.TLS} {
		shown.Store(c)
		w.Until("the cause to be told", func() bool {
			_, p := w.State()
			return strings.Contains(p["apiUnreachable"], "certificate is not valid by this machine's clock, which says "+now.UTC().Format("2006-"))
		})
		w.Until("the first to wait", func() bool { return w.now("first").Waits() == "apiUnreachable" })
		if s := w.now("first"); s.State != "queued" || s.Revision != 1 || w.Sim.Count(simulator.OpCreate) != 0 {
			t.Errorf("first is %+v, %d creates", s, w.Sim.Count(simulator.OpCreate))
		}
	}
	shown.Store(&right.TLS)
	w.untilState("first", "paid")
	w.untilState("second", "paid")
	orders := w.Sim.Orders()
	if len(orders) != 2 || w.Sim.Count(simulator.OpCreate) != 2 {
		t.Fatalf("%d orders, %d creates", len(orders), w.Sim.Count(simulator.OpCreate))
	}
	var body struct {
		OrderDate         string
		InvoiceReferences struct{ CustomerReference string }
	}
	w.Must(json.Unmarshal(orders[0].Body, &body))
	if body.InvoiceReferences.CustomerReference != "first" || body.OrderDate != w.Today() {
		t.Errorf("the first at the API is %+v", body)
	}
	w.Stop()
}
