package simulator_test

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestFaults injects each kind into a create over a real connection, and looks at
// what the caller sees and at whether an order came to exist.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do     simulator.Action
		orders int
		check  func(*rig, answer)
	}{
		"drop before": {simulator.DropBefore(), 0, noReply},
		"drop after":  {simulator.DropAfter(), 1, noReply},
		"half reply": {simulator.HalfReply(), 1, func(r *rig, a answer) {
			if a.status != 201 || !errors.Is(a.err, io.ErrUnexpectedEOF) || a.raw == "" {
				r.t.Errorf("HTTP %d, %v, %q", a.status, a.err, a.raw)
			}
		}},
		"refuse": {simulator.Refuse(400, "Conflict of Business Logic", "noSuchThing"), 0, func(r *rig, a answer) {
			r.want(a, 400, `{"status_code":400,"status_message":"Conflict of Business Logic","message":"noSuchThing","is_error":true,"errors":"Array"}`)
		}},
		"status": {simulator.Status(503, "try later"), 0, is(503, "try later")},
		"unauthorized": {simulator.Unauthorized(), 0, func(r *rig, a answer) {
			r.wantMessage(a, 401, "Unauthenticated.")
		}},
		"rate limited": {simulator.RateLimited(1500 * time.Millisecond), 0, func(r *rig, a answer) {
			if a.status != 429 || a.header.Get("Retry-After") != "2" {
				r.t.Errorf("HTTP %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
			}
		}},
		"redirect": {simulator.Redirect(307), 0, func(r *rig, a answer) {
			if a.status != 307 || a.header.Get("Location") != base+"terminal/orders/create" {
				r.t.Errorf("HTTP %d to %q", a.status, a.header.Get("Location"))
			}
		}},
		"busy":             {simulator.BusyReply(), 0, func(r *rig, a answer) { r.want(a, 510, busyReply) }},
		"busy but created": {simulator.BusyButCreated(), 1, func(r *rig, a answer) { r.want(a, 510, busyReply) }},
		"under 200": {simulator.Under200(), 1, func(r *rig, a answer) {
			if code, _ := a.body["status_code"].(float64); a.status != 200 || code != 201 {
				r.t.Errorf("HTTP %d around status_code %v", a.status, code)
			}
		}},
		"html":         {simulator.Unreadable(simulator.GarbageHTML), 1, is(201, "<html>")},
		"single quote": {simulator.Unreadable(simulator.GarbageSingleQuoted), 1, is(201, `{'status_code':201`)},
		"empty":        {simulator.Unreadable(simulator.GarbageEmpty), 1, is(201, "")},
		"invalid json": {simulator.Unreadable(simulator.GarbageInvalidJSON), 1, func(r *rig, a answer) {
			if a.status != 201 || a.body != nil || strings.HasSuffix(a.raw, "}}") {
				r.t.Errorf("HTTP %d %s", a.status, a.raw)
			}
		}},
		"huge": {simulator.Unreadable(simulator.GarbageHuge), 1, func(r *rig, a answer) {
			if a.status != 201 || len(a.raw) < 20<<20 || a.body == nil {
				r.t.Errorf("HTTP %d, %d bytes, %v", a.status, len(a.raw), a.err)
			}
		}},
		"garbage without acting": {
			simulator.Action{Kind: simulator.KindGarbage, Garbage: simulator.GarbageHTML, WithoutActing: true, Code: 502}, 0, is(502, "<html>"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := overTCP(t, simulator.Options{})
			r.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: c.do})
			c.check(r, r.call("POST", base+"terminal/orders/create", r.payload("TRML1")))
			if n := len(r.sim.Orders()); n != c.orders {
				t.Errorf("%d orders, want %d", n, c.orders)
			}
			if left := r.sim.Faults(); len(left) != 0 {
				t.Errorf("left of the script: %v", left)
			}
			r.create("TRML2") // the next call is spared
			if n := r.sim.Count(simulator.OpCreate); n != 2 {
				t.Errorf("%d creates counted", n)
			}
		})
	}
}

// noReply asks for a connection that ended before a byte of reply.
func noReply(r *rig, a answer) {
	r.t.Helper()
	if !errors.Is(a.err, io.EOF) && (a.err == nil || !strings.Contains(a.err.Error(), "reset")) {
		r.t.Errorf("HTTP %d, %v: %s", a.status, a.err, a.raw)
	}
}

// is asks for a status and the beginning of a body; "" is an empty body.
func is(status int, prefix string) func(*rig, answer) {
	return func(r *rig, a answer) {
		r.t.Helper()
		if a.err != nil || a.status != status || !strings.HasPrefix(a.raw, prefix) || (prefix == "") != (a.raw == "") {
			r.t.Errorf("HTTP %d, %v: %.100s", a.status, a.err, a.raw)
		}
	}
}

// TestFollowedRedirectRepeatsTheCall shows why clients must not follow them.
func TestFollowedRedirectRepeatsTheCall(t *testing.T) {
	t.Parallel()
	r := overTCP(t, simulator.Options{})
	r.client.CheckRedirect = nil
	r.sim.Inject(simulator.Fault{Do: simulator.Redirect(308)})
	r.create("TRML1")
	if n := r.sim.Count(simulator.OpCreate); n != 2 {
		t.Errorf("%d creates arrived, want 2", n)
	}
}

// TestFaultScript checks which calls a fault is for.
func TestFaultScript(t *testing.T) {
	t.Parallel()
	refused := simulator.Refuse(400, "x", "faulty")
	for name, c := range map[string]struct {
		fault simulator.Fault
		want  string // per create, F for befallen
	}{
		"once":       {simulator.Fault{Do: refused}, "F....."},
		"twice":      {simulator.Fault{Times: 2, Do: refused}, "FF...."},
		"for ever":   {simulator.Fault{Times: -1, Do: refused}, "FFFFFF"},
		"every":      {simulator.Fault{Every: 3, Do: refused}, "..F..F"},
		"skip":       {simulator.Fault{Skip: 2, Do: refused}, "..F..."},
		"skip every": {simulator.Fault{Skip: 1, Every: 2, Times: 1, Do: refused}, "..F..."},
		"terminal":   {simulator.Fault{Terminal: "TRML2", Times: -1, Do: refused}, ".F.F.F"},
		"reference":  {simulator.Fault{Reference: "till-17", Times: -1, Do: refused}, "FFFFFF"},
		"callback":   {simulator.Fault{Reference: "mark-2", Times: 1, Do: refused}, "F....."},
		"other":      {simulator.Fault{Reference: "mark-3", Times: 1, Do: refused}, "......"},
		"operation":  {simulator.Fault{Operation: simulator.OpCancel, Do: refused}, "......"},
		"certain":    {simulator.Fault{Probability: 1, Do: refused}, "FFFFFF"},
		"seeded":     {simulator.Fault{Probability: 0.5, Do: refused}, "FF..F."},
	} {
		r := newRig(t, simulator.Options{Seed: 7})
		r.sim.Inject(c.fault)
		var got strings.Builder
		for i := range 6 {
			a := r.call("POST", base+"terminal/orders/create", r.payload([]string{"TRML1", "TRML2"}[i%2]))
			got.WriteString(map[bool]string{true: "F", false: "."}[a.message() == "faulty"])
		}
		if got.String() != c.want {
			t.Errorf("%s: %s, want %s", name, got.String(), c.want)
		}
	}
}

func TestFaultOnAnOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	a, b := r.create("TRML1"), r.create("TRML2")
	r.sim.Inject(simulator.Fault{Order: b, Operation: simulator.OpPaymentStatus, Do: simulator.Status(500, "")})
	r.sim.Inject(simulator.Fault{Terminal: "TRML1", Operation: simulator.OpPaymentStatus, Do: simulator.Status(502, "")})
	for _, c := range []struct {
		uuid   string
		status int
	}{{a, 502}, {a, 200}, {b, 500}, {b, 200}} {
		if got := r.call("GET", base+"terminal/orders/payment-status/"+c.uuid, ""); got.status != c.status {
			t.Errorf("HTTP %d, want %d", got.status, c.status)
		}
	}
	if got := r.order(a).Calls[simulator.OpPaymentStatus]; got != 2 {
		t.Errorf("%d status calls touched the order", got)
	}
	r.sim.Inject(simulator.Fault{Do: simulator.DropBefore()})
	r.sim.ClearFaults()
	r.create("TRML1")
}

func TestInvalidFaultsAreRefused(t *testing.T) {
	t.Parallel()
	for _, f := range []simulator.Fault{
		{},
		{Do: simulator.Action{Kind: "explode"}},
		{Operation: "dance", Do: simulator.DropAfter()},
		{Do: simulator.Redirect(301)},
		{Do: simulator.Status(99, "")},
		{Do: simulator.Unreadable("noise")},
		{Probability: 2, Do: simulator.DropAfter()},
		{Do: simulator.Delay(-1)},
	} {
		if f.Validate() == nil {
			t.Errorf("%+v passes", f)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("Inject takes an invalid fault")
		}
	}()
	newRig(t, simulator.Options{}).sim.Inject(simulator.Fault{})
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	r := newRig(t, simulator.Options{RateLimit: 2, Clock: func() time.Time { return now }})
	for i, c := range []struct {
		at         time.Duration
		status     int
		left, wait string
	}{
		{0, 200, "1", ""}, {10 * time.Second, 200, "0", ""}, {20500 * time.Millisecond, 429, "0", "40"},
		{60*time.Second - 1, 429, "0", "1"}, {60 * time.Second, 200, "1", ""},
	} {
		now = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC).Add(c.at)
		a := r.call("GET", base+"terminal/lists/ORG1", "")
		if a.status != c.status || a.header.Get("x-ratelimit-limit") != "2" ||
			a.header.Get("x-ratelimit-remaining") != c.left || a.header.Get("Retry-After") != c.wait {
			t.Errorf("call %d: HTTP %d, %v", i, a.status, a.header)
		}
	}
}

// TestDown cuts the API off on a real port: calls get no reply, new connections are
// refused, and afterwards the same port answers again.
func TestDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{})
	ln, err := r.sim.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.serve(ln)
	tr := &http.Transport{}
	r.url, r.client = "http://"+ln.Addr().String(), freshClient(tr)
	r.create("TRML1")
	for range 2 {
		if err := r.sim.SetDown(true); err != nil {
			t.Fatal(err)
		}
		a := r.call("GET", base+"orders/status", "")
		var op *url.Error
		if !errors.As(a.err, &op) || !strings.Contains(a.err.Error(), "refused") {
			t.Errorf("while down: HTTP %d, %v", a.status, a.err)
		}
		if err := r.sim.SetDown(false); err != nil {
			t.Fatal(err)
		}
		if a := r.call("GET", base+"orders/status", ""); a.status != 200 {
			t.Errorf("up again: HTTP %d, %v", a.status, a.err)
		}
	}
	tr.CloseIdleConnections()
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if err := r.sim.SetDown(true); err != nil {
		t.Error("a closed listener is still followed:", err)
	}
}

// TestDownWithoutAListener closes connections that some other listener accepted.
func TestDownWithoutAListener(t *testing.T) {
	t.Parallel()
	r := overTCP(t, simulator.Options{})
	if err := r.sim.SetDown(true); err != nil {
		t.Fatal(err)
	}
	noReply(r, r.call("POST", base+"terminal/orders/create", r.payload("TRML1")))
	if n := r.sim.Count(simulator.OpCreate); n != 0 {
		t.Errorf("%d calls arrived while it was down", n)
	}
	if err := r.sim.SetDown(false); err != nil {
		t.Fatal(err)
	}
	r.create("TRML1")
}
