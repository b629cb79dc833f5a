package monitor

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// told is an event as a reader gets it.
type told struct{ name, id, data string }

// readEvents reads n events of a stream.
func readEvents(t *testing.T, lines *bufio.Scanner, n int) []told {
	t.Helper()
	var list []told
	var e told
	for len(list) < n && lines.Scan() {
		switch key, value, _ := strings.Cut(lines.Text(), ": "); key {
		case "event":
			e.name = value
		case "id":
			e.id = value
		case "data":
			e.data = value
		case "":
			list = append(list, e)
			e = told{}
		}
	}
	if len(list) < n {
		t.Fatalf("the stream ended after %d of %d events: %v", len(list), n, lines.Err())
	}
	return list
}

// follows opens a stream.
func follows(t *testing.T, base, query, lastEventID string) (*bufio.Scanner, context.CancelFunc) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/api/v1/events"+query, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	reply, err := newClient(t, nil).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = reply.Body.Close() })
	if reply.StatusCode != http.StatusOK || reply.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d, %s", reply.StatusCode, reply.Header.Get("Content-Type"))
	}
	lines := bufio.NewScanner(reply.Body)
	lines.Buffer(nil, 1<<20)
	return lines, cancel
}

func names(list []told) string {
	var all []string
	for _, e := range list {
		all = append(all, e.name)
	}
	return strings.Join(all, " ")
}

func TestStreamBeginsWithEverythingAndGoesOn(t *testing.T) {
	t.Parallel()
	events := NewEvents(func() {})
	s := newTestServer(t, func(o *ServerOptions) {
		o.Source, o.Events, o.Build = &fullSource{page: Page{Requests: []any{one{"requestId": "new-1"}}}}, events, "b1"
	})
	base := "http://" + start(t, s)
	lines, end := follows(t, base, "", "")
	first := readEvents(t, lines, 8)
	if got := names(first); got != "hello display display agent terminal request request beat" {
		t.Fatalf("it begins with %s", got)
	}
	if !strings.HasPrefix(first[0].data, `{"build":"b1","now":"20`) || !strings.HasSuffix(first[0].data, `Z","mayWrite":true}`) {
		t.Errorf("hello: %s", first[0].data)
	}
	if first[3].data != `{"state":"online","mayWrite":true}` || first[5].data != `{"requestId":"open-1"}` || first[6].data != `{"requestId":"new-1"}` {
		t.Errorf("told: %v", first)
	}
	for i := range 3 {
		events.Publish(EventRequest, "", fmt.Appendf(nil, `{"n":%d}`, i))
	}
	events.Publish(EventAgent, "", []byte(`{"state":"degraded"}`))
	more := readEvents(t, lines, 4)
	if more[0].data != `{"n":0}` || more[2].data != `{"n":2}` || more[3].data != `{"state":"degraded","mayWrite":true}` {
		t.Errorf("told: %v", more)
	}
	end()
	// It goes on behind what was seen, and only there.
	lines, end = follows(t, base, "", more[0].id)
	if again := readEvents(t, lines, 4); names(again) != "hello request request agent" || again[1] != more[1] || again[0].id != more[0].id {
		t.Errorf("resumed: %v", again)
	}
	end()
	// Nobody can resume after a part of the current state, or after the id of another process.
	for _, id := range []string{first[4].id, "other-1", "x", events.prefix + "99", events.prefix + "-1"} {
		lines, end = follows(t, base, "", id)
		if anew := readEvents(t, lines, 8); names(anew) != names(first) {
			t.Errorf("after %s: %s", id, names(anew))
		}
		end()
	}
}

func TestDisplaysHearOnlyOfThemselves(t *testing.T) {
	t.Parallel()
	events := NewEvents(func() {})
	s := newTestServer(t, func(o *ServerOptions) { o.Source, o.Events = &fullSource{}, events })
	lines, _ := follows(t, "http://"+start(t, s), "?display=T2", "")
	events.Publish(EventRequest, "", []byte(`{}`))
	events.Publish(EventDisplay, "T1", []byte(`{"terminalUuid":"T1"}`))
	events.Publish(EventDisplay, "T2", []byte(`{"phase":"idle"}`))
	list := readEvents(t, lines, 4)
	if names(list) != "hello display beat display" || list[1].data != `{"terminalUuid":"T2"}` || list[3].data != `{"phase":"idle"}` {
		t.Errorf("told: %v", list)
	}
}

func TestKeptEvents(t *testing.T) {
	t.Parallel()
	e := NewEvents(func() {})
	for i := range 3 * keptEvents {
		e.Publish(EventRequest, "", fmt.Appendf(nil, `{"n":%d}`, i))
	}
	if len(e.kept) != keptEvents {
		t.Errorf("%d are kept", len(e.kept))
	}
	for back, want := range map[uint64]bool{0: true, 1: true, keptEvents: true, keptEvents + 1: false} {
		r, resumed := e.join(e.id(e.last - back))
		if resumed != want {
			t.Errorf("%d back: resumed %v", back, resumed)
		}
		n := 0
		for more := true; more; {
			var list []event
			var ok bool
			if list, more, ok = e.take(r); !ok {
				t.Errorf("%d back: dropped", back)
			}
			n += len(list)
		}
		if want && n != int(back) || !want && n != 0 {
			t.Errorf("%d back: handed %d", back, n)
		}
		e.leave(r)
	}
}

func TestWhoFallsBehindIsDropped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := NewEvents(func() {})
		r, _ := e.join("")
		e.take(r)
		big := []byte(`"` + strings.Repeat("x", maxBehind/4) + `"`)
		for range 4 {
			e.Publish(EventRequest, "", big)
		}
		if _, _, ok := e.take(r); !ok {
			t.Error("dropped within a mebibyte")
		}
		for range 5 {
			e.Publish(EventRequest, "", big)
		}
		if _, _, ok := e.take(r); ok {
			t.Error("not dropped beyond a mebibyte")
		}
		r, _ = e.join("")
		e.take(r)
		e.Publish(EventRequest, "", []byte("1"))
		time.Sleep(maxBehindTime)
		if list, _, ok := e.take(r); !ok || len(list) != 1 {
			t.Error("dropped after five seconds")
		}
		e.Publish(EventRequest, "", []byte("1"))
		time.Sleep(maxBehindTime + 1)
		if _, _, ok := e.take(r); ok {
			t.Error("not dropped after more than five seconds")
		}
	})
}

// slowPipe is a client that reads nothing.
type slowPipe struct {
	http.ResponseWriter
	deadline time.Time
	wrote    int
	at       []time.Time
}

func (p *slowPipe) SetWriteDeadline(at time.Time) error { p.deadline = at; return nil }
func (p *slowPipe) SetReadDeadline(time.Time) error     { return nil }
func (p *slowPipe) FlushError() error                   { return nil }
func (p *slowPipe) Write(b []byte) (int, error) {
	p.at = append(p.at, time.Now())
	if p.wrote += len(b); p.wrote > 4096 {
		time.Sleep(time.Until(p.deadline))
		return 0, context.DeadlineExceeded
	}
	return len(b), nil
}

type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func TestBeatsAndTheirEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newTestServer(t, func(o *ServerOptions) { o.Source, o.Events = &fullSource{}, NewEvents(func() {}) })
		p := &slowPipe{ResponseWriter: discard{http.Header{}}}
		r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "/api/v1/events", http.NoBody)
		r.Host, r.RemoteAddr = "localhost", "127.0.0.1:1"
		s.handler.ServeHTTP(p, r) // ends by itself once nothing can be written
		if p.wrote <= 4096 {
			t.Errorf("it ended after %d bytes", p.wrote)
		}
		for i, at := range p.at[1:] {
			if gap := at.Sub(p.at[i]); gap > 10*time.Second {
				t.Errorf("no beat for %v", gap)
			}
		}
		if took := time.Since(p.at[len(p.at)-1]); took != maxBehindTime {
			t.Errorf("it ended %v after the write that was not taken", took)
		}
		if n := len(s.opts.Events.readers); n != 0 {
			t.Errorf("%d readers are left", n)
		}
	})
}

// Two hundred clients that never read hold nobody up, and what is published is published at once.
func TestStalledReadersHoldNothingUp(t *testing.T) {
	t.Parallel()
	events := NewEvents(func() {})
	s := newTestServer(t, func(o *ServerOptions) { o.Source, o.Events, o.MaxConnections = &fullSource{}, events, 300 })
	addr := start(t, s)
	served, refused := 0, 0
	for range 200 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		reply, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = c.Close(), reply.Body.Close() })
		switch {
		case reply.StatusCode == http.StatusOK:
			served++
		case reply.StatusCode == http.StatusServiceUnavailable && reply.Header.Get("Retry-After") != "" && reply.Close:
			refused++
		default:
			t.Fatalf("%d", reply.StatusCode)
		}
	}
	if served != maxReaders || refused != 200-maxReaders {
		t.Errorf("%d served, %d refused", served, refused)
	}
	data := []byte(`"` + strings.Repeat("x", 1000) + `"`)
	for range 20_000 { // more than all the buffers on the way hold
		events.Publish(EventRequest, "", data)
	}
	events.mu.Lock()
	if len(events.kept) > 2*keptEvents {
		t.Errorf("%d are kept for who does not read", len(events.kept))
	}
	events.mu.Unlock()
	if status, _ := get(t, newClient(t, nil), "http://"+addr+"/healthz", "", ""); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
}
