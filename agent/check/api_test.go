package check

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"tillpost/api/simulator"
)

const goodToken = "test-token"

// apiChecker makes a checker of an API, with a token.
func apiChecker(t *testing.T, base, token string, lines ...string) *checker {
	t.Helper()
	file := writeFile(t, "token", token, 0o600)
	text := fmt.Sprintf("[api]\nbase_url = %q\norganization_uuid = \"ORG1\"\ntoken_file = %q\n", base+"/api/v1", file)
	return newChecker(t, append([]string{text}, lines...)...)
}

func simulated(t *testing.T, o simulator.Options) *httptest.Server {
	t.Helper()
	o.Token, o.Organization = goodToken, "ORG1"
	if o.Terminals == nil {
		o.Terminals = []simulator.Terminal{{UUID: "T1", Name: "Counter 1"}, {UUID: "T2", Name: "Counter 2"}}
	}
	sim := simulator.New(o)
	server := httptest.NewServer(sim)
	t.Cleanup(func() { server.Close(); sim.Close() })
	return server
}

func TestAPI(t *testing.T) {
	t.Parallel()
	good := simulated(t, simulator.Options{})
	forbidden := simulated(t, simulator.Options{Lookups: simulator.LookupsForbidden})
	callback := "[callback]\npublic_url = \"https://shop.example\""
	for name, tc := range map[string]struct {
		c    *checker
		want []string
	}{
		"good": {apiChecker(t, good.URL, goodToken), []string{
			"ok API 127.0.0.1:…answers in", "ok token accepted", "ok terminals 2: Counter 1 (T1), Counter 2 (T2)", "warn lookups…none is shown yet…after the first sale"}},
		"wrong token": {apiChecker(t, good.URL, "hunter2"), []string{
			"ok API", "FAIL token…(401)…put a valid token", "warn terminals…see token", "warn lookups not asked"}},
		"no token": {func() *checker {
			c := apiChecker(t, good.URL, goodToken)
			c.cfg.API.TokenFile += "-gone"
			return c
		}(), []string{"ok API", "FAIL token…no such file", "warn terminals not asked: there is no token", "warn lookups not asked"}},
		"not that organisation": {func() *checker {
			c := apiChecker(t, good.URL, goodToken)
			c.cfg.API.OrganizationUUID = "ORG2"
			return c
		}(), []string{"ok API", "warn token…not known", "FAIL terminals…did not list them…organization_uuid", "warn lookups"}},
		"down": {apiChecker(t, "http://127.0.0.1:"+closedPort(t), goodToken), []string{
			"FAIL API…refuses connections", "warn token not asked", "warn terminals not asked", "warn lookups not asked"}},
		"no look-ups": {apiChecker(t, forbidden.URL, goodToken), []string{
			"ok API", "ok token", "ok terminals", "warn lookups…operation 11…staff…callback"}},
		"no look-ups but callbacks": {apiChecker(t, forbidden.URL, goodToken, callback), []string{
			"ok API", "ok token", "ok terminals", "warn lookups…settled by a callback…ask Front Payment"}},
		"no organisation": {func() *checker {
			c := apiChecker(t, good.URL, goodToken)
			c.cfg.API.OrganizationUUID, c.cfg.Terminals = "", []string{"T1"}
			return c
		}(), []string{"ok API", "ok token accepted", "warn terminals named in the configuration: T1", "warn lookups"}},
		"no organisation, wrong token": {func() *checker {
			c := apiChecker(t, good.URL, "hunter2")
			c.cfg.API.OrganizationUUID, c.cfg.Terminals = "", []string{"T1"}
			return c
		}(), []string{"ok API", "FAIL token", "warn terminals", "warn lookups…see token"}},
		"unusable authority": {func() *checker {
			c := apiChecker(t, good.URL, goodToken)
			c.cfg.API.CAFile = "none.pem"
			return c
		}(), []string{"FAIL API…api.ca_file…see secrets", "warn token", "warn terminals", "warn lookups"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			facts := tc.c.api(t.Context())
			want(t, facts.findings, tc.want...)
			if all := lines(facts.findings); strings.Contains(all, goodToken) || strings.Contains(all, "hunter2") {
				t.Error("the token is told")
			}
			if reached := !strings.HasPrefix(tc.want[0], "FAIL"); reached && name != "no token" && (!facts.dated || facts.skew.Abs() > 5*time.Second) {
				t.Errorf("its date: %+v, %v", facts.skew, facts.dated)
			}
		})
	}
}

func TestAPIIsOnlyRead(t *testing.T) {
	t.Parallel()
	sim := simulated(t, simulator.Options{})
	var mu sync.Mutex
	var calls []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		calls = append(calls, r.Method+" "+r.URL.Path)
		mu.Unlock()
		sim.Config.Handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	apiChecker(t, server.URL, goodToken).api(t.Context())
	mu.Lock()
	defer mu.Unlock()
	for _, call := range calls {
		if !strings.HasPrefix(call, "GET ") {
			t.Errorf("it called %s", call)
		}
	}
	if len(calls) != 4 {
		t.Errorf("%d calls: %v", len(calls), calls)
	}
}

// canned answers each path that begins with a key.
type canned map[string]string

func (c canned) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	best := ""
	for prefix := range c {
		if strings.HasPrefix(strings.TrimPrefix(r.URL.Path, "/api/v1/"), prefix) && len(prefix) > len(best) {
			best = prefix
		}
	}
	status, data, _ := strings.Cut(c[best], " ")
	code := map[string]int{"200": 200, "403": 403, "404": 404, "429": 429, "500": 500}[status]
	message := map[string]string{"200": "orderRetrievedSuccessfully", "403": "Forbidden", "404": "orderNotFound", "429": "Too Many Attempts.", "500": "somethingWentWrong"}[status]
	if code == 0 {
		code = 404
	}
	w.WriteHeader(code)
	if data == "" {
		data = "null"
	}
	_ = json.NewEncoder(w).Encode(map[string]any{
		"status_code": code, "status_message": "x", "message": message, "is_error": code >= 400, "data": json.RawMessage(data), "errors": nil,
	})
}

func TestLookups(t *testing.T) {
	t.Parallel()
	terminals := `200 [{"uuid":"T1","name":"Counter 1","status":true},{"uuid":"T2","name":"Old","status":false}]`
	order := `{"uuid":"ODR1","status":"PAID"}`
	for name, tc := range map[string]struct {
		api  canned
		want []string
	}{
		"all": {canned{"connect/orders/status": "200 [" + order + "]", "connect/orders/status/ODR1": "200 " + order, "connect/orders/details/ODR1": `200 {"orderUuid":"ODR1","status":"PAID"}`},
			[]string{"ok lookups orders can be listed and read…settles by itself"}},
		"list and details": {canned{"connect/orders/status": "200 [" + order + "]", "connect/orders/status/ODR1": "500", "connect/orders/details/ODR1": `200 {"orderUuid":"ODR1"}`},
			[]string{"ok lookups…in another way"}},
		"no details": {canned{"connect/orders/status": "200 [" + order + "]", "connect/orders/status/ODR1": "200 " + order, "connect/orders/details/": "403"},
			[]string{"warn lookups…operation 13…staff…can't be resolved"}},
		"nothing":  {canned{"connect/orders/": "500"}, []string{"warn lookups…(list: no answer, one: no answer, details: no answer)"}},
		"in pages": {canned{"connect/orders/status": `200 {"current_page":1,"data":[]}`}, []string{"warn lookups…in pages…[callback]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.api["connect/terminal/lists"] = terminals
			server := httptest.NewServer(tc.api)
			defer server.Close()
			want(t, apiChecker(t, server.URL, goodToken).api(t.Context()).findings, append([]string{
				"ok API", "ok token", "ok terminals 1: Counter 1 (T1)", "warn terminals not active: Old (T2)"}, tc.want...)...)
		})
	}
}

func TestTerminals(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer, lines string
		want          []string
	}{
		"some of them":  {`200 [{"uuid":"T1","name":"A","status":true},{"uuid":"T2","name":"B","status":true}]`, `["T2"]`, []string{"ok token", "ok terminals 1: B (T2)", "warn"}},
		"one too many":  {`200 [{"uuid":"T1","name":"","status":true}]`, `["T1", "T3"]`, []string{"ok token", "ok terminals 1: T1", "FAIL terminals…does not have T3", "warn"}},
		"none":          {`200 []`, `[]`, []string{"ok token", "FAIL terminals the organisation has none", "warn"}},
		"not for us":    {`403`, `[]`, []string{"FAIL token…does not let it list", "warn terminals", "warn"}},
		"too many":      {`429`, `[]`, []string{"warn API…fewer calls", "warn token…not known", "FAIL terminals…see API, and check again", "warn"}},
		"out of order":  {`500`, `[]`, []string{"warn token", "FAIL terminals…does not say how far it got. (HTTP 500)…see api.organization_uuid", "warn lookups not asked"}},
		"another path":  {`404`, `[]`, []string{"warn token", "FAIL terminals…(HTTP 404)…api.base_url…/api/v1", "warn"}},
		"no API at all": {`x`, `[]`, []string{"warn token", "FAIL terminals", "warn"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(canned{"connect/terminal/lists": tc.answer})
			defer server.Close()
			c := apiChecker(t, server.URL, goodToken)
			if err := json.Unmarshal([]byte(tc.lines), &c.cfg.Terminals); err != nil {
				t.Fatal(err)
			}
			want(t, c.api(t.Context()).findings, append([]string{"ok API"}, tc.want...)...)
		})
	}
	if got := few(strings.Fields(strings.Repeat("T ", 15))); !strings.HasSuffix(got, "T and 3 more") {
		t.Error(got)
	}
}
