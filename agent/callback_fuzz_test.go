package agent

import (
	"bufio"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// FuzzCallback holds that the callback listener, which may be reachable from the internet, answers whatever is asked of
// it, takes nothing without a mark of ours, and passes on no more than an id.
func FuzzCallback(f *testing.F) {
	store, err := bolt.Open(f.TempDir()+"/outbox.db", bolt.Options{BallastSize: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = store.Close() })
	added, err := store.Add(f.Context(), outboxtest.Order("o-1", "TRML1"))
	if err != nil {
		f.Fatal(err)
	}
	seq := added[0].Request.Seq
	mark := outbox.NewMark(seq, [outbox.MarkEntropy]byte{1, 2, 3})
	if _, _, err := store.Apply(f.Context(), seq, outbox.Event{Type: outbox.Due, At: outboxtest.At(1), Mark: mark, Shown: true}); err != nil {
		f.Fatal(err)
	}
	const query = "?orderUuid=ODR1&status=Approved&type=Payment&baseAmount=33.60&vatAmount=8.40&totalAmount=42&currency=NOK"
	for _, target := range []string{
		"/callback/" + mark + query, "/callback/" + mark + strings.Replace(query, "&currency", "¤cy", 1), "/callback/x" + query,
		"/callback/" + mark + "?orderUuid=%zz&orderUuid=..%2f..", "/callback/" + mark + "/../" + mark, "//callback/" + mark, "*", "http://x/callback/" + mark,
		"/callback/" + mark + "?type=Payment_Refund&status=cancelled&orderUuid=" + strings.Repeat("O", 65), "/callback/" + mark + "%00" + query,
	} {
		f.Add("GET", target, "")
	}
	f.Add("POST", "/callback/"+mark+query, "Content-Length: 5\r\n\r\nhello")
	f.Add("CONNECT", "callback:1", "X: y")
	var wrong atomic.Pointer[string] // what an earlier input led to, for it comes a moment later
	f.Fuzz(func(t *testing.T, method, target, rest string) {
		taken := &hintFuncs{}
		cb := newCallbacks(store, taken, slog.New(slog.DiscardHandler))
		taken.keep = func(_ context.Context, r outbox.Request, order string) error {
			taken.look(r, order, false)
			return nil
		}
		taken.look = func(r outbox.Request, order string, _ bool) {
			if r.Seq != seq || order == "" || len(order) > 64 || strings.ContainsAny(order, "/?#% \x00\r\n") {
				wrong.Store(&order)
			}
		}
		rq, err := http.ReadRequest(bufio.NewReader(strings.NewReader(method + " " + target + " HTTP/1.1\r\nHost: x\r\n" + rest + "\r\n\r\n")))
		if err != nil {
			return // the server answers that by itself
		}
		w := httptest.NewRecorder()
		cb.ServeHTTP(w, rq)
		switch ours := strings.Contains(rq.URL.Path, mark); {
		case w.Code == http.StatusNoContent && !ours:
			t.Errorf("%s %q: taken without a mark of ours", method, target)
		case w.Code >= 500, w.Code == http.StatusOK:
			t.Errorf("%s %q: answered %d", method, target, w.Code)
		}
		if body := w.Body.String(); len(body) > 4<<10+len(target)*6 {
			t.Errorf("an answer of %d bytes", len(body))
		}
		if order := wrong.Load(); order != nil {
			t.Errorf("passed on %q as an order's uuid", *order)
		}
	})
}
