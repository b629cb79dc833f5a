package bench

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
)

// books is the simulated API, whose customers pay at once, and when it first read each order.
type books struct {
	*simulator.Simulator
	addr string

	mu   sync.Mutex
	came map[string]time.Time // by id
}

func openBooks(tb testing.TB, terminals int) *books {
	tb.Helper()
	o := simulator.Options{Customer: simulator.Pay(0)}
	for i := range terminals {
		o.Terminals = append(o.Terminals, simulator.Terminal{UUID: terminal(i), Name: fmt.Sprintf("Counter %d", i)})
	}
	s := &books{Simulator: simulator.New(o), addr: proctest.FreeAddr(tb), came: map[string]time.Time{}}
	tb.Cleanup(s.Close)
	l, err := s.Listen(tb.Context(), s.addr)
	if err != nil {
		tb.Fatal(err)
	}
	proctest.Serve(tb, l, s)
	return s
}

// ServeHTTP implements http.Handler.
func (s *books) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, createPath) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		at := time.Now()
		r.Body = io.NopCloser(bytes.NewReader(body))
		s.mu.Lock()
		if id := idOf(body); s.came[id].IsZero() {
			s.came[id] = at
		}
		s.mu.Unlock()
	}
	s.Simulator.ServeHTTP(w, r)
}

// idOf is the id that a body of [order] was made with.
func idOf(body []byte) string {
	_, rest, _ := bytes.Cut(body, []byte(idKey))
	id, _, _ := bytes.Cut(rest, []byte(`"`))
	return string(id)
}

// cameAt is when the API first read an order, the zero time if it has not.
func (s *books) cameAt(id string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.came[id]
}

// charged counts the orders of each id that were carried out.
func (s *books) charged() map[string]int {
	n := map[string]int{}
	for _, o := range s.Orders() {
		n[idOf(o.Body)]++
	}
	return n
}
