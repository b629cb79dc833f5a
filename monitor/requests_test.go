package monitor

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// crowded is an outbox whose lists take a second, and which knows how many are made at once.
type crowded struct {
	emptySource
	now, most atomic.Int32
}

func (c *crowded) read() {
	c.most.Store(max(c.most.Load(), c.now.Add(1)))
	defer c.now.Add(-1)
	time.Sleep(time.Second)
}

func (c *crowded) Request(string) (any, bool, error) { c.read(); return "x", true, nil }
func (c *crowded) Requests(Query) (Page, error)      { c.read(); return Page{}, nil }

func TestListsAreMadeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var c crowded
		s := newTestServer(t, func(o *ServerOptions) { o.Source = &c })
		begin := time.Now()
		var all sync.WaitGroup
		for i := range 6 {
			path := []string{"/api/v1/requests", "/api/v1/requests/a"}[i%2]
			all.Go(func() {
				if w := ask(t, s, http.MethodGet, path); w.Code != http.StatusOK {
					t.Errorf("%s: %d", path, w.Code)
				}
			})
		}
		// One that does not wait takes nobody's turn.
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
			defer cancel()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/api/v1/requests", http.NoBody)
			r.Host = "127.0.0.1:9720"
			s.handler.ServeHTTP(httptest.NewRecorder(), r)
		})
		all.Wait()
		if took := time.Since(begin); c.most.Load() != 1 || took < 6*time.Second || took > 7*time.Second {
			t.Errorf("%d at once, in %v", c.most.Load(), took)
		}
		if w := ask(t, s, http.MethodGet, "/healthz"); w.Code != http.StatusOK {
			t.Errorf("healthz: %d", w.Code)
		}
	})
}
