package e2e

import (
	"strings"
	"testing"
	"time"

	"tillpost/internal/shoptest"
)

func TestAnOutageIsTold(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.UntilOnline()
	w.down(true)
	w.Order(terminal(0), "kept")
	w.UntilProblem("apiUnreachable")
	w.UntilWaits(terminal(0), "kept", "apiUnreachable")
	if s := w.Now(terminal(0), "kept"); s.State != "queued" || s.Revision != 1 {
		t.Errorf("the outage made it %+v", s)
	}
	if code, text := w.Get("/readyz"); code != 200 {
		t.Errorf("not ready without the API: %d %s", code, text)
	}
	if _, text := w.Get("/metrics"); !strings.Contains(text, "\ntillpost_api_up 0\n") {
		t.Error("the API is up")
	}
	w.down(false)
	w.UntilState(terminal(0), "kept", "paid")
	w.UntilOnline()
}

// What waited for too long is expired, published as that, and never sent. It is not expired early; that it is not late is for
// tests whose time does not depend on the machine.
func TestAnOrderExpiresInAnOutage(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.Sale(terminal(0), "first")
	w.down(true)
	begun := time.Now()
	w.Send(terminal(0), "orders", strings.Replace(shoptest.Request("old", "order", shoptest.Example(w.Today(), "old")), "{", `{"ttlSeconds":2,`, 1))
	if s := w.UntilState(terminal(0), "old", "expired"); s.ReasonCode() != "expired" {
		t.Errorf("the reason is %+v", s.Reason)
	}
	if took := time.Since(begun); took < 1900*time.Millisecond {
		t.Errorf("expired after %v, want two seconds", took)
	}
	w.down(false)
	w.Sale(terminal(0), "next")
	if n := w.Orders()["old"]; n != 0 {
		t.Errorf("%d orders, want none", n)
	}
}
