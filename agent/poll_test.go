package agent_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
)

// TestAListThatLagsEndsNoWait: with many orders on terminals one list answers their polls. It may show an order as sent that
// the API calls paid when it is asked for that one, so each is asked for every ten seconds all the same.
func TestAListThatLagsEndsNoWait(t *testing.T) {
	inWorld(t, "", func(w *world) {
		terminals := []string{oslo, bergen, "TRML3", "TRML4"}
		for i, uuid := range terminals {
			w.order(uuid, fmt.Sprint("o", i))
			w.until(5*time.Second, uuid, fmt.Sprint("o", i), "awaiting_customer")
		}
		lags := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !strings.HasSuffix(r.URL.Path, "/connect/orders/status") {
				w.sim.ServeHTTP(rw, r)
				return
			}
			var sent []string
			for _, o := range w.sim.Orders() {
				sent = append(sent, fmt.Sprintf(`{"uuid":%q,"status":"SENT"}`, o.UUID))
			}
			rw.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(rw, `{"status_code":200,"message":"orderStatusRetrievedSuccessfully","is_data":true,"data":[%s],"is_error":false,"errors":null}`, strings.Join(sent, ","))
		})
		w.handle.Store(&lags)
		time.Sleep(time.Minute)
		before := w.sim.Count(simulator.OpPaymentStatus)
		time.Sleep(time.Minute)
		if n := w.sim.Count(simulator.OpPaymentStatus) - before; n < 20 || n > 24 {
			t.Errorf("%d orders asked for by themselves in a minute, want each every ten seconds", n)
		}
		if err := w.sim.Settle(w.now(oslo, "o0").OrderUUID, simulator.Pays); err != nil {
			t.Fatal(err)
		}
		w.until(13*time.Second, oslo, "o0", "paid")
	}, func(o *simulator.Options) {
		o.Customer = simulator.WalkAway()
		o.Terminals = append(o.Terminals, simulator.Terminal{UUID: "TRML3", Name: "3"}, simulator.Terminal{UUID: "TRML4", Name: "4"})
	})
}

// TestManyOrdersAreNotAskedForAtOnce: orders that began together are not asked for by themselves together, which would use up
// the calls of the next seconds, and a payment would be noticed only after them.
func TestManyOrdersAreNotAskedForAtOnce(t *testing.T) {
	const orders = 40
	inWorld(t, "", func(w *world) {
		w.stop()
		w.cfg = strings.Replace(w.cfg, "100000", "180", 1)
		w.start()
		for i := range orders {
			w.order(fmt.Sprintf("TRML%02d", i), fmt.Sprintf("o%d", i))
		}
		w.until(time.Minute, fmt.Sprintf("TRML%02d", orders-1), fmt.Sprintf("o%d", orders-1), "awaiting_customer")
		for range 3 * orders {
			before := w.sim.Count(simulator.OpPaymentStatus)
			time.Sleep(time.Second)
			if n := w.sim.Count(simulator.OpPaymentStatus) - before; n > 5 {
				t.Errorf("%d orders asked for by themselves in a second", n)
			}
		}
		for _, o := range w.sim.Orders() {
			if o.Calls[simulator.OpPaymentStatus] == 0 {
				t.Errorf("order %s was never asked for by itself", o.UUID)
			}
		}
	}, func(o *simulator.Options) {
		o.Customer, o.RateLimit = simulator.WalkAway(), 240
		for i := range orders {
			o.Terminals = append(o.Terminals, simulator.Terminal{UUID: fmt.Sprintf("TRML%02d", i), Name: fmt.Sprint(i)})
		}
	})
}
