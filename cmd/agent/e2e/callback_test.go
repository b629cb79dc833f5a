package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
)

// TestACallbackNamesTheOrderOfADoubt: the reply to a create is lost and the list can't be read, so nothing but the API's own
// callback can tell which order it was.
func TestACallbackNamesTheOrderOfADoubt(t *testing.T) {
	outside(t)
	listen := proctest.FreeAddr(t)
	w := newWorld(t, shop{
		customer: simulator.Pay(500 * time.Millisecond),
		tables:   fmt.Sprintf("[callback]\nlisten = %q\npublic_url = \"http://%s\"", listen, listen),
	})
	w.sim.Inject(simulator.Fault{Operation: simulator.OpOrderStatuses, Times: -1, Do: simulator.Status(502, "<html>bad gateway</html>")})
	w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropAfter()})
	w.order(terminal(0), "lost")
	w.untilState(soon, terminal(0), "lost", "paid")
	orders := w.sim.Orders()
	if len(orders) != 1 {
		t.Fatalf("%d orders, want 1", len(orders))
	}
	// The agent may have looked into it before the API has read the answer.
	w.until(soon, "a callback that was answered 204", func() bool {
		calls := w.sim.Orders()[0].Callbacks
		return len(calls) > 0 && calls[0].Status == http.StatusNoContent
	})

	for _, path := range []string{"/callback/" + strings.Repeat("a", 34), "/callback/", "/metrics", "/"} {
		query := "?orderUuid=" + orders[0].UUID + "&status=Approved&type=Payment"
		rq, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+listen+path+query, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		reply, err := http.DefaultClient.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		_ = reply.Body.Close()
		if reply.StatusCode != http.StatusNotFound {
			t.Errorf("%s was answered %d, want 404", path, reply.StatusCode)
		}
	}
}
