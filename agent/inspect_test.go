package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"tillpost/api/simulator"
	"tillpost/monitor"
)

// A decision that comes over HTTP is read as strictly as one that comes over MQTT: who decided what, about which
// request, must not depend on which of two keys a reader takes.
func TestDecisionsOverHTTPAreReadStrictly(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.eventuallyOrFail(func() bool { s, _ := w.agentState(); return s == "online" })
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, "doubt")
		w.until(0, oslo, "doubt", "in_doubt")
		for _, tc := range []struct {
			name, body string
			status     int
			want       string
		}{
			{"nothing", "", 400, "notJSON"},
			{"no object", `["abandon"]`, 400, "notJSON"},
			{"more than one value", `{"outcome":"abandon","by":"Kari"} {}`, 400, "notJSON"},
			{"a key twice", `{"outcome":"abandon","by":"Kari","by":"Ola"}`, 400, "duplicateKey"},
			{"another target", `{"outcome":"abandon","by":"Kari","target":"other"}`, 422, "/target"},
			{"an unknown key", `{"outcome":"abandon","by":"Kari","why":"x"}`, 422, "/why"},
			{"nobody", `{"outcome":"abandon"}`, 422, "/by"},
		} {
			_, _, err := w.a.Resolve(context.Background(), "doubt", []byte(tc.body))
			no, refused := errors.AsType[*monitor.Refusal](err)
			if !refused {
				t.Errorf("%s: not refused: %v", tc.name, err)
				continue
			}
			if raw, _ := json.Marshal(no); no.Status != tc.status || !strings.Contains(string(raw), tc.want) {
				t.Errorf("%s: %d %s, want %d and %s", tc.name, no.Status, raw, tc.status, tc.want)
			}
		}
		if _, _, err := w.a.Resolve(context.Background(), "nobody", []byte(`{"outcome":"abandon","by":"Kari"}`)); err == nil ||
			err.Error() != (&monitor.Refusal{Status: http.StatusNotFound, Code: "unknownTarget"}).Error() {
			t.Errorf("a decision about nothing: %v", err)
		}
		if _, settled, err := w.a.Resolve(context.Background(), "doubt", []byte(`{"target":"doubt","outcome":"abandon","by":"Kari"}`)); err != nil || !settled {
			t.Errorf("a decision that is right: %v, %v", settled, err)
		}
		w.until(0, oslo, "doubt", "cancelled")
	})
}
