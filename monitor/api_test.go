package monitor

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"tillpost/outbox"
)

func TestListsAreAskedForExactly(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]Query{
		"":                             {Limit: 100},
		"?limit=1":                     {Limit: 1},
		"?limit=1000&terminal=TRML1":   {Limit: 1000, Terminal: "TRML1"},
		"?state=in_doubt&kind=refund":  {Limit: 100, State: outbox.StateInDoubt, Kind: outbox.KindRefund},
		"?day=2026-02-28&q=till-1%2F7": {Limit: 100, Day: "2026-02-28", Q: "till-1/7"},
		"?cursor=zz":                   {Limit: 100, Before: 35*36 + 35},
	} {
		f := fullSource{page: Page{Next: 36}}
		s := newTestServer(t, func(o *ServerOptions) { o.Source = &f })
		w := ask(t, s, http.MethodGet, "/api/v1/requests"+query)
		if w.Code != http.StatusOK || f.asked != want || w.Body.String() != `{"requests":[],"nextCursor":"10"}`+"\n" {
			t.Errorf("%s: %d %s, asked %+v, want %+v", query, w.Code, w.Body, f.asked, want)
		}
	}
}

func TestErrorsAreProblems(t *testing.T) {
	t.Parallel()
	broken := fullSource{err: errors.New("the disk")}
	refusing := fullSource{err: &Refusal{Status: 400, Code: "unknownTerminal", Detail: "no"}}
	for _, c := range []struct {
		method, path string
		source       Source
		status       int
		code         string
	}{
		{"GET", "/api/v1/requests?limit=0", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?limit=1001", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?limit=1&limit=2", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?state=lost", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?kind=invoice", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?day=2026-02-30", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?day=today", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?terminal=a%20b", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?cursor=-1", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?q=", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/requests?colour=red", nil, 400, codeUnknownParameter},
		{"GET", "/api/v1/agent?x=1", nil, 400, codeUnknownParameter},
		{"GET", "/api/v1/terminals?x=1", nil, 400, codeUnknownParameter},
		{"GET", "/api/v1/requests/a?x=1", nil, 400, codeUnknownParameter},
		{"GET", "/api/v1/events?x=1", nil, 400, codeUnknownParameter},
		{"GET", "/api/v1/report", nil, 400, codeInvalidParameter},
		{"GET", "/api/v1/report?day=20261120", nil, 400, codeInvalidParameter},
		{"POST", "/api/v1/requests/a/resolution?x=1", nil, 400, codeUnknownParameter},
		{"GET", "/api/v1/requests/nobody", nil, 404, codeUnknownRequest},
		{"GET", "/api/v1/nothing", nil, 404, codeUnknownPath},
		{"GET", "/api/", nil, 404, codeUnknownPath},
		{"DELETE", "/api/v1/requests/a", nil, 405, codeWrongMethod},
		{"GET", "/api/v1/requests/a/resolution", nil, 405, codeWrongMethod},
		{"GET", "/api/v1/requests", &broken, 500, codeInternal},
		{"GET", "/api/v1/requests", &refusing, 400, "unknownTerminal"},
	} {
		if c.source == nil {
			c.source = &fullSource{}
		}
		w := ask(t, newTestServer(t, func(o *ServerOptions) { o.Source = c.source }), c.method, c.path)
		var p problem
		err := json.Unmarshal(w.Body.Bytes(), &p)
		if w.Code != c.status || err != nil || p.Code != c.code || p.Status != c.status || p.Detail == "" || p.Title == "" {
			t.Errorf("%s %s: %d %s, want %d %s", c.method, c.path, w.Code, w.Body, c.status, c.code)
		}
		if got := w.Header().Get("Content-Type"); got != "application/problem+json" {
			t.Errorf("%s %s: %s", c.method, c.path, got)
		}
		if c.status == 405 && w.Header().Get("Allow") == "" {
			t.Errorf("%s %s does not say what it takes", c.method, c.path)
		}
	}
}

// What of the pages there is loads nothing from elsewhere, and all together little.
func TestPagesAreSmallAndAlone(t *testing.T) {
	t.Parallel()
	s := newTestServer(t, func(o *ServerOptions) { o.Source = &fullSource{}; o.Build = `1.2"<` })
	for _, page := range []string{"/", "/display/T1", "/display/T1?lang=de", "/help"} {
		w := ask(t, s, http.MethodGet, page)
		policy := w.Header().Get("Content-Security-Policy")
		if w.Code != http.StatusOK || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") {
			t.Errorf("%s: %d, %s", page, w.Code, policy)
		}
		html := w.Body.String()
		if !strings.Contains(html, `data-build="1.2&#34;&lt;" data-zone="UTC"`) {
			t.Errorf("%s does not know its build", page)
		}
		for _, no := range []string{"<style", "style=", "onclick", "://", "javascript:"} {
			if strings.Contains(html, no) {
				t.Errorf("%s holds %s", page, no)
			}
		}
		total, seen := len(html), map[string]bool{}
		var load func(text string)
		load = func(text string) {
			for _, ref := range references(text) {
				if seen[ref] {
					continue
				}
				seen[ref] = true
				part := ask(t, s, http.MethodGet, ref)
				if part.Code != http.StatusOK {
					t.Errorf("%s loads %s: %d", page, ref, part.Code)
				}
				total += part.Body.Len()
				load(part.Body.String())
			}
		}
		load(html)
		if total > 100<<10 {
			t.Errorf("%s has %d bytes with all that it loads", page, total)
		}
		t.Logf("%s has %d bytes in %d parts", page, total, len(seen)+1)
	}
	if w := ask(t, s, http.MethodGet, "/favicon.ico"); w.Code != http.StatusOK {
		t.Errorf("favicon: %d", w.Code)
	}
	for path, status := range map[string]int{
		"/display/T1?lang=fr": 400, "/display/T1?x=1": 400, "/display/a%20b": 404, "/display/": 404, "/web/index.html": 404, "/web/": 404,
	} {
		if w := ask(t, s, http.MethodGet, path); w.Code != status {
			t.Errorf("%s: %d, want %d", path, w.Code, status)
		}
	}
}

var reference = regexp.MustCompile(`["'](\.?/[a-z]+/?[a-z]*\.(?:js|css|svg))["']`)

// references returns the parts of the pages that a text names.
func references(text string) []string {
	var refs []string
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		ref := m[1]
		if name, ok := strings.CutPrefix(ref, "./"); ok {
			ref = "/web/" + name
		}
		refs = append(refs, ref)
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// problem is an error's body, as a client reads it.
type problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Reason any    `json:"reason,omitempty"`
}
