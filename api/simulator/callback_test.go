package simulator_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api/simulator"
)

// heard returns a till's callback server that keeps the queries that it gets.
func heard(t *testing.T) (address string, queries <-chan string) {
	t.Helper()
	ch := make(chan string, 16)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ch <- r.Method + " " + r.URL.RequestURI()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(srv.Close)
	return srv.URL, ch
}

const exampleCallback = "http://127.0.0.1:1/callback/mark-2?shop=7"

// TestCallbacks compares the calls with the page "Notification via Callback URL".
func TestCallbacks(t *testing.T) {
	t.Parallel()
	address, queries := heard(t)
	r := newRig(t, simulator.Options{Callbacks: &http.Client{}})
	want := func(rest string) {
		t.Helper()
		select {
		case got := <-queries:
			if got != rest {
				t.Errorf("heard %s\nwant  %s", got, rest)
			}
		case <-time.After(time.Minute):
			t.Errorf("heard nothing, want %s", rest)
		}
	}
	uuid := r.create("TRML1", exampleCallback, address+"/callback/m7?shop=7")
	want("GET /callback/m7?baseAmount=120.87&currency=NOK&orderUuid=" + uuid + "&shop=7&status=Approved&totalAmount=139&type=Payment&vatAmount=18.13")
	r.call("POST", refundPath+uuid, refundOf("42.50", "451=42.50"))
	want("GET /callback/m7?currency=NOK&orderUuid=" + uuid + "&shop=7&status=Approved&totalAmount=42.5&type=Payment_Refund")
	if err := r.sim.SetRefundCustomer("", simulator.Decline(0)); err != nil {
		t.Fatal(err)
	}
	r.call("POST", refundPath+uuid, refundOf("1", "451=1"))
	want("GET /callback/m7?currency=NOK&orderUuid=" + uuid + "&shop=7&status=Cancelled&totalAmount=1&type=Payment_Refund")
	if err := r.sim.SetCustomer("TRML1", simulator.Decline(0)); err != nil {
		t.Fatal(err)
	}
	uuid = r.create("TRML1", exampleCallback, address+"/cb")
	want("GET /cb?baseAmount=120.87&currency=NOK&orderUuid=" + uuid + "&status=Cancelled&totalAmount=139&type=Payment&vatAmount=18.13")
	r.sim.Inject(simulator.Fault{Operation: simulator.OpCallback, Do: simulator.DropBefore()})
	r.create("TRML1", exampleCallback, address+"/lost")
	r.sim.Close() // waits for the calls
	if n := r.sim.Count(simulator.OpCallback); n != 4 || len(queries) != 0 {
		t.Errorf("%d callbacks counted, %d unheard", n, len(queries))
	}
}

// TestCallbacksStayAtHome: without leave only loopback addresses are called, and
// redirects are not followed.
func TestCallbacksStayAtHome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hosts []string
		client := &http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			hosts = append(hosts, req.URL.Hostname())
			return &http.Response{StatusCode: http.StatusFound, Header: http.Header{"Location": {"http://example.com/"}}, Body: http.NoBody}, nil
		})}
		for anywhere, want := range map[bool]int{false: 3, true: 5} {
			hosts = nil
			r := newRig(t, simulator.Options{Callbacks: client, CallbacksAnywhere: anywhere})
			for _, host := range []string{"127.0.0.1", "[::1]:80", "localhost", "10.0.0.1", "localhost.example.com"} {
				r.create("TRML1", "127.0.0.1:1", host)
				synctest.Wait()
			}
			if len(hosts) != want {
				t.Errorf("anywhere %v: called %v", anywhere, hosts)
			}
		}
	})
}

// TestLateCallback delays a callback by a fault, on a bubble's clock.
func TestLateCallback(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var called atomic.Int64
		r := newRig(t, simulator.Options{Callbacks: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			called.Add(1)
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
		})}})
		r.sim.Inject(simulator.Fault{Operation: simulator.OpCallback, Do: simulator.Delay(time.Minute)})
		uuid := r.create("TRML1")
		time.Sleep(time.Minute - 1)
		synctest.Wait()
		if called.Load() != 0 {
			t.Error("called before its time")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if n := called.Load(); n != 1 {
			t.Errorf("called %d times", n)
		}
		if c := r.order(uuid).Callbacks; len(c) != 1 || c[0].Status != 204 || !strings.Contains(c[0].Query, uuid) {
			t.Errorf("the books have %+v", c)
		}
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
