package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

func TestAChangedTokenIsUsed(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.UntilOnline()
	w.Sim.SetToken(newToken)
	w.Order(terminal(0), "one")
	w.UntilWaits(terminal(0), "one", "unauthorized")
	w.UntilProblem("unauthorized")
	w.Order(terminal(1), "two")
	w.UntilWaits(terminal(1), "two", "unauthorized")
	if code, _ := w.Get("/readyz"); code != 200 {
		t.Errorf("not ready: %d", code)
	}
	// As an operator's editor does: another file under the old name.
	w.Write("token.new", newToken)
	w.Must(os.Rename(filepath.Join(w.Dir, "token.new"), filepath.Join(w.Dir, "token")))
	changed := time.Now()
	w.UntilState(terminal(0), "one", "paid")
	w.UntilState(terminal(1), "two", "paid")
	t.Logf("used after %v", time.Since(changed).Round(time.Millisecond))
	w.UntilOnline()
}

// An outbox of one account does not send to another.
func TestAnotherAccountStopsSending(t *testing.T) {
	outside(t)
	w := newWorld(t, shoptest.Options{})
	w.Sale(terminal(0), "first")
	w.Stop()
	w.Set("api.base_url", w.Serve(nil))
	w.Start()
	w.UntilProblem("wrongAccount")
	w.Order(terminal(0), "kept")
	if s := w.UntilWaits(terminal(0), "kept", "wrongAccount"); s.State != "queued" {
		t.Errorf("it is %s", s.State)
	}
	if n := w.Sim.Count(simulator.OpCreate); n != 1 {
		t.Errorf("%d creates, want 1", n)
	}
	w.Stop()
	w.Set("api.base_url", w.API)
	w.Start()
	w.UntilState(terminal(0), "kept", "paid")
	w.UntilOnline()
}
