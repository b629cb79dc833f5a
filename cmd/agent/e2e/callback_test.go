package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

// TestACallbackNamesTheOrderOfADoubt: the reply to a create is lost and the list can't be read, so nothing but the API's own
// callback can show which order it was.
func TestACallbackNamesTheOrderOfADoubt(t *testing.T) {
	outside(t)
	listen := proctest.FreeAddr(t)
	w := newWorld(t, shoptest.Options{
		Customer: simulator.Pay(500 * time.Millisecond),
		Settings: shoptest.Settings{"callback.listen": listen, "callback.public_url": "http://" + listen},
	})
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, Do: simulator.Status(502, "<html>bad gateway</html>")})
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
	w.Order(terminal(0), "lost")
	w.UntilState(terminal(0), "lost", "paid")
	orders := w.Sim.Orders()
	if len(orders) != 1 {
		t.Fatalf("%d orders, want 1", len(orders))
	}
	// The agent may have looked into it before the API has read the answer.
	w.Until("a callback that was answered 204", func() bool {
		calls := w.Sim.Orders()[0].Callbacks
		return len(calls) > 0 && calls[0].Status == http.StatusNoContent
	})

	for _, path := range []string{"/callback/" + strings.Repeat("a", 34), "/callback/", "/metrics", "/"} {
		query := "?orderUuid=" + orders[0].UUID + "&status=Approved&type=Payment"
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listen+path+query, http.NoBody)
		w.Must(err)
		reply, err := http.DefaultClient.Do(rq)
		w.Must(err)
		_ = reply.Body.Close()
		if reply.StatusCode != http.StatusNotFound {
			t.Errorf("%s was answered %d, want 404", path, reply.StatusCode)
		}
	}
}
