package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"tillpost/api/simulator"
)

// TestMerchantsSeeTheirOwn: two organisations of one API know nothing of each other, and a third token is let in nowhere.
func TestMerchantsSeeTheirOwn(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{
		Merchants: map[string]string{"one": "ORG1", "two": "ORG2"},
		Terminals: []simulator.Terminal{{UUID: "TRML1", Name: "Till 1", Organization: "ORG1"}, {UUID: "TRML2", Name: "Till 2", Organization: "ORG2"}},
	})
	uuid := r.create("TRML1") // by the token that sees all
	for _, c := range []struct {
		token, path string
		status      int
		shows       string
	}{
		{"one", "terminal/lists/ORG1", 200, "TRML1"},
		{"two", "terminal/lists/ORG2", 200, "TRML2"},
		{"two", "terminal/lists/ORG1", 510, ""},
		{"one", "orders/status", 200, uuid},
		{"two", "orders/status", 404, ""},
		{"one", "orders/details/" + uuid, 200, uuid},
		{"two", "orders/details/" + uuid, 404, ""},
		{"one", "terminal/orders/payment-status/" + uuid, 200, ""},
		{"two", "terminal/orders/payment-status/" + uuid, 404, ""},
		{"three", "orders/status", 401, ""},
		{"secret", "orders/status", 200, uuid},
	} {
		rq := httptest.NewRequestWithContext(t.Context(), http.MethodGet, base+c.path, http.NoBody)
		rq.Header.Set("Authorization", "Bearer "+c.token)
		rec := httptest.NewRecorder()
		r.sim.ServeHTTP(rec, rq)
		if body := rec.Body.String(); rec.Code != c.status || !strings.Contains(body, c.shows) ||
			strings.Contains(c.path, "lists/") && strings.Count(body, "TRML") > 1 {
			t.Errorf("%s of %s: %d %s", c.path, c.token, rec.Code, body)
		}
	}
}
