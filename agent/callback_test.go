package agent

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/agent/lane"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// hintFuncs are hints by functions.
type hintFuncs struct {
	keep func(ctx context.Context, r outbox.Request, orderUUID string) error
	look func(r outbox.Request, orderUUID string, refund bool)
}

func (h *hintFuncs) KeepHint(ctx context.Context, r outbox.Request, orderUUID string) error {
	return h.keep(ctx, r, orderUUID)
}

func (h *hintFuncs) LookAtHint(r outbox.Request, orderUUID string, refund bool) {
	h.look(r, orderUUID, refund)
}

// hint is what a callback led to.
type hint struct {
	seq    uint64
	order  string
	refund bool
}

// sentOrder is an order in the store whose submission bears a mark.
func sentOrder(t *testing.T, s *bolt.Store) (outbox.Request, string) {
	t.Helper()
	ctx := context.Background()
	added, err := s.Add(ctx, outboxtest.Order("o-1", "TRML1"))
	if err != nil {
		t.Fatal(err)
	}
	mark := outbox.NewMark(added[0].Request.Seq, [outbox.MarkEntropy]byte{1, 2, 3})
	r, _, err := s.Apply(ctx, added[0].Request.Seq, outbox.Event{Type: outbox.Due, At: outboxtest.At(1), Mark: mark, Shown: true})
	if err != nil {
		t.Fatal(err)
	}
	return r, mark
}

func TestCallbacksAreHintsForMarksWeHold(t *testing.T) {
	store := outboxtest.Open(t, bolt.Options{})
	r, mark := sentOrder(t, store)
	forged := outbox.NewMark(r.Seq, [outbox.MarkEntropy]byte{9})
	const query = "?orderUuid=ODR1&status=Approved&type=Payment&totalAmount=42&currency=NOK"
	for _, c := range []struct {
		name, method, path string
		status             int
		hints              int
	}{
		{"ours", "GET", "/callback/" + mark + query, 204, 1},
		{"ours, without a word", "GET", "/callback/" + mark, 204, 0},
		{"ours, with rubbish", "GET", "/callback/" + mark + "?orderUuid=" + strings.Repeat("x", 5000) + "&status=%zz", 204, 0},
		{"forged", "GET", "/callback/" + forged + query, 404, 0},
		{"of nobody", "GET", "/callback/" + outbox.NewMark(77, [outbox.MarkEntropy]byte{}) + query, 404, 0},
		{"no mark", "GET", "/callback/x" + query, 404, 0},
		{"longer", "GET", "/callback/" + mark + "/more", 404, 0},
		{"no callback", "GET", "/metrics", 404, 0},
		{"with a slash", "GET", "/callback/" + mark + "/" + query, 404, 0},
		{"a path that is almost right", "GET", "//callback/" + mark + query, 404, 0},
		{"a detour", "GET", "/callback/../callback/" + mark + query, 404, 0},
		{"posted", "POST", "/callback/" + mark + query, 404, 0},
		{"only asked for", "HEAD", "/callback/" + mark + query, 404, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var got []hint // written by one timer, read after it
				taken := &hintFuncs{}
				cb := newCallbacks(store, taken, slog.New(slog.DiscardHandler))
				taken.keep = func(_ context.Context, r outbox.Request, order string) error {
					got = append(got, hint{r.Seq, order, false})
					return nil
				}
				taken.look = func(r outbox.Request, order string, refund bool) { got = append(got, hint{r.Seq, order, refund}) }
				w := httptest.NewRecorder()
				cb.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
				time.Sleep(2 * lane.HintPace)
				synctest.Wait()
				if w.Code != c.status || len(got) != c.hints {
					t.Errorf("answered %d and passed on %v, want %d and %d hints", w.Code, got, c.status, c.hints)
				}
				for _, h := range got {
					if h != (hint{r.Seq, "ODR1", false}) {
						t.Errorf("passed on %+v", h)
					}
				}
			})
		})
	}
}

// countedCallbacks counts what is passed on.
func countedCallbacks(store outbox.Store) (cb *callbacks, passed *atomic.Int64) {
	passed = &atomic.Int64{}
	taken := &hintFuncs{
		keep: func(context.Context, outbox.Request, string) error { passed.Add(1); return nil },
		look: func(outbox.Request, string, bool) { passed.Add(1) },
	}
	return newCallbacks(store, taken, slog.New(slog.DiscardHandler)), passed
}

func hintKept(ctx context.Context, store outbox.Store, r outbox.Request, order string) error {
	_, _, err := store.Apply(ctx, r.Seq, outbox.Event{Type: outbox.CallbackSeen, OrderUUID: order, At: outboxtest.At(2)})
	return err
}

// What a callback names is on disk before it is answered; where that can't be, the API is told so.
func TestCallbacksAreKeptBeforeTheyAreAnswered(t *testing.T) {
	store := outboxtest.Open(t, bolt.Options{})
	r, mark := sentOrder(t, store)
	taken := &hintFuncs{}
	cb := newCallbacks(store, taken, slog.New(slog.DiscardHandler))
	call := func(uuid string) int {
		w := httptest.NewRecorder()
		cb.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/callback/"+mark+"?status=Approved&type=Payment&orderUuid="+uuid, nil))
		return w.Code
	}
	taken.keep = func(context.Context, outbox.Request, string) error { return outbox.ErrFull }
	if code := call("ODR1"); code != http.StatusServiceUnavailable {
		t.Errorf("answered %d although nothing was kept", code)
	}
	taken.keep = func(ctx context.Context, r outbox.Request, order string) error { return hintKept(ctx, store, r, order) }
	if code := call("ODR1"); code != http.StatusNoContent {
		t.Fatalf("answered %d", code)
	}
	got, err := store.Get(r.Seq)
	if err != nil || len(got.Hints) != 1 || got.Hints[0].OrderUUID != "ODR1" {
		t.Errorf("on record: %+v, %v", got.Hints, err)
	}
}

func TestReplayedCallbacksAreOneASecond(t *testing.T) {
	store := outboxtest.Open(t, bolt.Options{})
	r, mark := sentOrder(t, store)
	if err := hintKept(t.Context(), store, r, "ODR1"); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		cb, passed := countedCallbacks(store)
		for range 500 {
			w := httptest.NewRecorder()
			cb.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/callback/"+mark+"?orderUuid=ODR1&status=Cancelled&type=Payment", nil))
			if w.Code != http.StatusNoContent {
				t.Fatalf("answered %d", w.Code)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * lane.HintPace)
		if n := passed.Load(); n < 5 || n > 7 {
			t.Errorf("%d passed on in five seconds, want about one a second", n)
		}
	})
}

func TestCallbackThatSaysNothingUsesUpNoTurn(t *testing.T) {
	store := outboxtest.Open(t, bolt.Options{})
	_, mark := sentOrder(t, store)
	synctest.Test(t, func(t *testing.T) {
		cb, passed := countedCallbacks(store)
		for _, query := range []string{"", "?status=x", "?orderUuid=ODR1&status=Approved&type=Payment"} {
			cb.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/callback/"+mark+query, nil))
		}
		synctest.Wait()
		if n := passed.Load(); n != 1 {
			t.Errorf("%d passed on at once, want the one with an order", n)
		}
	})
}

func TestCallbackListenerBoundsWhatItReads(t *testing.T) {
	store := outboxtest.Open(t, bolt.Options{})
	cb := newCallbacks(store, &hintFuncs{}, slog.New(slog.DiscardHandler))
	if err := cb.listen("127.0.0.1:0", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); cb.run(ctx) }()
	defer func() { cancel(); <-done }()
	conn, err := net.Dial("tcp", cb.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	go func() { // more header than anybody has a use for
		_, _ = io.WriteString(conn, "GET /callback/x HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat("y", 64<<10)+"\r\n\r\n")
	}()
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 431 ") {
		t.Errorf("answered %.60q", answer)
	}
}
