package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
)

// ask calls the HTTP side, and returns the answer with its content type.
func (w *world) ask(method, path, body string) (status int, kind, text string) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), proctest.Patience)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, method, "http://"+w.Web+path, strings.NewReader(body))
	w.Must(err)
	reply, err := http.DefaultClient.Do(rq)
	w.Must(err)
	defer reply.Body.Close()
	raw, err := io.ReadAll(reply.Body)
	w.Must(err)
	return reply.StatusCode, reply.Header.Get("Content-Type"), string(raw)
}

// described is what the API says of itself.
type described struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema map[string]any }
		}
	}
}

// TestAnswersAreAsDescribed checks real answers against the API's own description.
func TestAnswersAreAsDescribed(t *testing.T) {
	outside(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	_, _, text := w.ask(http.MethodGet, "/api/v1/openapi.json", "")
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	w.Must(err)
	compiler := jsonschema.NewCompiler()
	w.Must(compiler.AddResource("openapi.json", doc))
	var api described
	w.Must(json.Unmarshal([]byte(text), &api))

	w.Sale(terminal(0), "paid-1")
	w.Send(terminal(0), "refunds", `{"requestId":"refund-1","orderRequestId":"paid-1","full":true}`)
	w.UntilState(terminal(0), "refund-1", "refunded")
	w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
	w.Order(terminal(0), "doubt-1")
	w.UntilState(terminal(0), "doubt-1", "in_doubt")
	w.Order(terminal(0), "waits-1")
	w.Order(terminal(0), "moves-1")
	for _, id := range []string{"waits-1", "moves-1"} {
		w.UntilWaits(terminal(0), id, "behind")
	}
	day := time.Now().In(w.Zone).Format(time.DateOnly)
	seen := map[string]bool{}
	for _, c := range []struct {
		method, path, body string
		template           string
		status             int
	}{
		{"GET", "/api/v1/agent", "", "", 200},
		{"GET", "/api/v1/terminals", "", "", 200},
		{"GET", "/api/v1/requests?limit=2", "", "", 200},
		{"GET", "/api/v1/requests?state=lost", "", "", 400},
		{"GET", "/api/v1/requests/doubt-1", "", "/api/v1/requests/{id}", 200},
		{"GET", "/api/v1/requests/waits-1", "", "/api/v1/requests/{id}", 200},
		{"GET", "/api/v1/requests/nobody", "", "/api/v1/requests/{id}", 404},
		{"GET", "/api/v1/report?day=" + day, "", "", 200},
		{"GET", "/api/v1/report?day=1999-01-01", "", "", 400},
		{"GET", "/api/v1/charts", "", "", 200},
		{"GET", "/api/v1/events?x=1", "", "", 400},
		{"POST", "/api/v1/terminals/" + terminal(0) + "/pause", `{"by":"Kari"}`, "/api/v1/terminals/{terminal}/pause", 200},
		{"GET", "/api/v1/terminals", "", "", 200},
		{"POST", "/api/v1/terminals/" + terminal(0) + "/resume", `{"by":"Kari"}`, "/api/v1/terminals/{terminal}/resume", 200},
		{"POST", "/api/v1/terminals/" + terminal(0) + "/resume", `{}`, "/api/v1/terminals/{terminal}/resume", 422},
		{"POST", "/api/v1/terminals/nowhere/pause", `{"by":"Kari"}`, "/api/v1/terminals/{terminal}/pause", 404},
		{"POST", "/api/v1/requests/moves-1/move", `{"to":"` + terminal(1) + `","by":"Kari"}`, "/api/v1/requests/{id}/move", 200},
		{"POST", "/api/v1/requests/nobody/resolution", `{"outcome":"abandon","by":"Kari"}`, "/api/v1/requests/{id}/resolution", 404},
		{"POST", "/api/v1/requests/paid-1/resolution", `{"outcome":"abandon","by":"Kari"}`, "/api/v1/requests/{id}/resolution", 409},
		{"POST", "/api/v1/requests/doubt-1/resolution", `{"outcome":"abandon","by":"Kari"}`, "/api/v1/requests/{id}/resolution", 200},
		{"GET", "/api/v1/requests/doubt-1", "", "/api/v1/requests/{id}", 200},
		{"POST", "/api/v1/requests/moves-1/move", `{"by":"Kari"}`, "/api/v1/requests/{id}/move", 422},
		{"POST", "/api/v1/requests/paid-1/move", `{"to":"` + terminal(1) + `","by":"Kari"}`, "/api/v1/requests/{id}/move", 409},
		{"POST", "/api/v1/requests/nobody/move", `{"to":"` + terminal(1) + `","by":"Kari"}`, "/api/v1/requests/{id}/move", 404},
		{"GET", "/api/v1/requests/moves-1", "", "/api/v1/requests/{id}", 200},
	} {
		status, kind, text := w.ask(c.method, c.path, c.body)
		if status != c.status {
			t.Errorf("%s %s: %d %s, want %d", c.method, c.path, status, text, c.status)
		}
		template := c.template
		if template == "" {
			template, _, _ = strings.Cut(c.path, "?")
		}
		seen[template] = true
		responses := api.Paths[template][strings.ToLower(c.method)].Responses
		response, ok := responses[strconv.Itoa(status)]
		if !ok {
			response = responses["default"]
		}
		described, ok := response.Content[kind]
		if !ok {
			t.Errorf("%s %s answers %d with %s, which is not described", c.method, c.path, status, kind)
			continue
		}
		ref, _ := described.Schema["$ref"].(string)
		schema, err := compiler.Compile("openapi.json" + ref)
		w.Must(err)
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		w.Must(err)
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s %s: %v\n%s", c.method, c.path, err, text)
		}
	}
	for path := range api.Paths {
		if !seen[path] {
			t.Errorf("%s is described and was not asked", path)
		}
	}
}
