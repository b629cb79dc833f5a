package simulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

const base = "/api/v1/connect/"

// rig is a simulator behind an http.Handler or on a connection.
type rig struct {
	t      *testing.T
	sim    *simulator.Simulator
	client *http.Client // nil: the handler is called without a network
	url    string
}

// answer is a reply, read.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
	err    error
}

func (a answer) message() string { s, _ := a.body["message"].(string); return s }

// newRig returns a simulator with two terminals, called without a network.
func newRig(t *testing.T, opts simulator.Options) *rig {
	t.Helper()
	if opts.Token == "" {
		opts.Token = "secret"
	}
	if opts.Terminals == nil {
		opts.Terminals = []simulator.Terminal{{UUID: "TRML1", Name: "Till 1"}, {UUID: "TRML2", Name: "Till 2"}}
	}
	sim := simulator.New(opts)
	t.Cleanup(sim.Close)
	return &rig{t: t, sim: sim}
}

// overTCP puts a rig on a loopback port.
func overTCP(t *testing.T, opts simulator.Options) *rig {
	t.Helper()
	r := newRig(t, opts)
	srv := httptest.NewServer(r.sim)
	t.Cleanup(srv.Close)
	r.url, r.client = srv.URL, freshClient(&http.Transport{DisableKeepAlives: true})
	return r
}

// overPipe puts a rig on a pipe listener; for synctest bubbles.
func overPipe(t *testing.T, opts simulator.Options) *rig {
	t.Helper()
	r := newRig(t, opts)
	ln := r.sim.ListenPipe()
	r.serve(ln)
	tr := &http.Transport{DialContext: ln.DialContext}
	r.url, r.client = "http://api.test", freshClient(tr)
	t.Cleanup(tr.CloseIdleConnections)
	return r
}

// serve runs an http.Server on a listener until the test ends.
func (r *rig) serve(ln net.Listener) {
	srv := &http.Server{Handler: r.sim, ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(ln) }()
	r.t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			r.t.Error(err)
		}
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			r.t.Error(err)
		}
	})
}

// freshClient follows no redirects and gives up after a minute.
func freshClient(tr *http.Transport) *http.Client {
	return &http.Client{Transport: tr, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
}

// call makes a call; body is JSON or "".
func (r *rig) call(method, path, body string) answer {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, r.url+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return r.do(req)
}

// do makes a call that has been built.
func (r *rig) do(req *http.Request) answer {
	r.t.Helper()
	var resp *http.Response
	if r.client == nil {
		rec := httptest.NewRecorder()
		r.sim.ServeHTTP(rec, req)
		resp = rec.Result()
	} else {
		var err error
		if resp, err = r.client.Do(req); err != nil {
			return answer{err: err}
		}
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	a := answer{status: resp.StatusCode, header: resp.Header, raw: string(raw), err: err}
	_ = json.Unmarshal(raw, &a.body) // garbage is a case of its own
	return a
}

// payload returns the example order for a terminal, dated today, after some changes of text.
func (r *rig) payload(terminal string, changes ...string) string {
	r.t.Helper()
	b, err := os.ReadFile("testdata/create.json")
	if err != nil {
		r.t.Fatal(err)
	}
	changes = append(changes, "TRML1", terminal, "ORDER_DATE", time.Now().Add(24*time.Hour).Format("02 Jan, 2006"))
	return strings.NewReplacer(changes...).Replace(string(b))
}

// create places the example order and returns its uuid.
func (r *rig) create(terminal string, changes ...string) string {
	r.t.Helper()
	a := r.call("POST", base+"terminal/orders/create", r.payload(terminal, changes...))
	if a.status != 201 {
		r.t.Fatalf("create: HTTP %d, %v %s", a.status, a.err, a.raw)
	}
	data, _ := a.body["data"].(map[string]any)
	uuid, _ := data["orderUuid"].(string)
	return uuid
}

// order returns the order in the books.
func (r *rig) order(uuid string) simulator.Order {
	r.t.Helper()
	o, ok := r.sim.Order(uuid)
	if !ok {
		r.t.Fatalf("no order %q in the books", uuid)
	}
	return o
}

// want compares a reply with an HTTP status and a body as JSON.
func (r *rig) want(a answer, status int, body string) {
	r.t.Helper()
	var got, exp bytes.Buffer
	if err := json.Compact(&got, []byte(a.raw)); err != nil {
		r.t.Errorf("reply is no JSON: %v: %s", err, a.raw)
		return
	}
	if err := json.Compact(&exp, []byte(body)); err != nil {
		r.t.Fatal(err)
	}
	if a.status != status || got.String() != exp.String() {
		r.t.Errorf("got HTTP %d %s\nwant HTTP %d %s", a.status, &got, status, &exp)
	}
}

// wantMessage compares status and message alone.
func (r *rig) wantMessage(a answer, status int, message string) {
	r.t.Helper()
	if a.status != status || a.message() != message {
		r.t.Errorf("got HTTP %d %q (%v %.200s), want HTTP %d %q", a.status, a.message(), a.err, a.raw, status, message)
	}
}
