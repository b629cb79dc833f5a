package simulator_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
)

// listed returns what the list says of an order, "" where it lacks it.
func (r *rig) listed(uuid string) string {
	r.t.Helper()
	list, _ := r.call("GET", base+"orders/status", "").body["data"].([]any)
	for _, one := range list {
		if m, _ := one.(map[string]any); m["uuid"] == uuid {
			s, _ := m["status"].(string)
			return s
		}
	}
	return ""
}

// detailed returns the details of an order, nil where it is not found.
func (r *rig) detailed(uuid string) map[string]any {
	r.t.Helper()
	d, _ := r.call("GET", base+"orders/details/"+uuid, "").body["data"].(map[string]any)
	return d
}

// paymentStatus returns the order's status by operation 5.
func (r *rig) paymentStatus(uuid string) string {
	r.t.Helper()
	s, _ := r.call("GET", base+"terminal/orders/payment-status/"+uuid, "").body["order_status"].(string)
	return s
}

// refundStatus returns that of operation 7, "" where no refund is known.
func (r *rig) refundStatus(uuid string) string {
	r.t.Helper()
	s, _ := r.call("POST", statusPath+uuid, "").body["refund_status"].(string)
	return s
}

// refundsOf returns the refunds of the history, as amount and whether it is done.
func (r *rig) refundsOf(uuid string) string {
	r.t.Helper()
	h, _ := r.detailed(uuid)["paymentHistory"].(map[string]any)
	list, _ := h["refunds"].([]any)
	var all []string
	for _, one := range list {
		m, _ := one.(map[string]any)
		all = append(all, decimalText(m["amount"])+map[bool]string{true: " done", false: ""}[m["isRefunded"] == true])
	}
	return strings.Join(all, ", ")
}

func decimalText(v any) string {
	f, _ := v.(float64)
	d, err := decimal.NewFromFloat64(f)
	if err != nil {
		return err.Error()
	}
	return d.String()
}

// just looks right before and right at a moment after now.
func just(d time.Duration, before, at func()) {
	time.Sleep(d - 1)
	synctest.Wait()
	before()
	time.Sleep(time.Nanosecond)
	synctest.Wait()
	at()
}

// TestViewsLag looks at each view just before and just when it shows what happened.
func TestViewsLag(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		lag           simulator.Lag
		look          func(*rig, string) string
		before, after string
		late          time.Duration
	}{
		"list": {simulator.Lag{List: time.Minute}, (*rig).listed, "", "SENT", time.Minute},
		"details": {simulator.Lag{Details: time.Minute}, func(r *rig, uuid string) string {
			s, _ := r.detailed(uuid)["status"].(string)
			return s
		}, "", "SENT", time.Minute},
		"references": {simulator.Lag{References: 20 * time.Second}, func(r *rig, uuid string) string {
			refs, _ := r.detailed(uuid)["invoiceReferences"].(map[string]any)
			s, _ := refs["referenceNo"].(string)
			return s
		}, "", "mark-1", 20 * time.Second},
		"no references": {simulator.Lag{References: -1}, func(r *rig, uuid string) string {
			if d := r.detailed(uuid); d == nil || d["invoiceReferences"] != nil {
				t.Errorf("details: %v", d)
			}
			return ""
		}, "", "", time.Hour},
		"one status": {simulator.Lag{List: time.Minute}, func(r *rig, uuid string) string {
			return r.call("GET", base+"orders/status/"+uuid, "").message()
		}, "orderNotFound", "Order Status Retrieved Successfully", time.Minute},
		"the rest is there at once": {simulator.Lag{List: time.Hour, Details: time.Hour, References: -1}, (*rig).paymentStatus, "SENT", "SENT", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, simulator.Options{Lag: c.lag, Customer: simulator.WalkAway()})
				uuid := r.create("TRML1")
				want := func(what string) func() {
					return func() {
						if got := c.look(r, uuid); got != what {
							t.Errorf("it shows %q, want %q", got, what)
						}
					}
				}
				just(c.late, want(c.before), want(c.after))
			})
		})
	}
}

// TestChangesLag has an order paid, and looks at when each view says so.
func TestChangesLag(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{Customer: simulator.WalkAway(), Lag: simulator.Lag{
			List: 30 * time.Second, Details: 40 * time.Second, Status: 10 * time.Second, History: 20 * time.Second,
		}})
		uuid := r.create("TRML1")
		time.Sleep(time.Hour)
		if err := r.sim.Settle(uuid, simulator.Pays); err != nil {
			t.Fatal(err)
		}
		if o := r.order(uuid); o.Status != simulator.Paid || o.PaidAt.IsZero() {
			t.Errorf("the books have %s", o.Status)
		}
		paidAt := func() string {
			h, _ := r.detailed(uuid)["paymentHistory"].(map[string]any)
			s, _ := h["paidAt"].(string)
			return map[bool]string{true: "paid", false: ""}[s != ""]
		}
		details := func() string { s, _ := r.detailed(uuid)["status"].(string); return s }
		for _, c := range []struct {
			in            time.Duration
			look          func() string
			before, after string
		}{
			{10 * time.Second, func() string { return r.paymentStatus(uuid) }, "SENT", "PAID"},
			{10 * time.Second, paidAt, "", "paid"},
			{10 * time.Second, func() string { return r.listed(uuid) }, "SENT", "PAID"},
			{10 * time.Second, details, "SENT", "PAID"},
		} {
			want := func(what string) func() {
				return func() {
					if got := c.look(); got != what {
						t.Errorf("it shows %q, want %q", got, what)
					}
				}
			}
			just(c.in, want(c.before), want(c.after))
		}
	})
}

// TestARefundLags: the order's refund status keeps the end of the older refund, and the
// history what was there, until it is time; then the new one shows as it is by then.
func TestARefundLags(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{RefundCustomer: simulator.Decline(0)})
		uuid := r.create("TRML1")
		r.wantMessage(r.call("POST", refundPath+uuid, refundOf("42", "451=42")), 202, "terminalOrderRefundRequestSuccessfully")
		r.sim.SetLag(simulator.Lag{RefundStatus: 10 * time.Second, History: 20 * time.Second})
		if err := r.sim.SetRefundCustomer("", simulator.Pay(5*time.Second)); err != nil {
			t.Fatal(err)
		}
		look := func() string { return r.refundStatus(uuid) + ": " + r.refundsOf(uuid) }
		want := func(what string) func() {
			return func() {
				t.Helper()
				if got := look(); got != what {
					t.Errorf("it shows %q, want %q", got, what)
				}
			}
		}
		want("REJECTED: 42")() // what was turned down stays in the history
		r.wantMessage(r.call("POST", refundPath+uuid, refundOf("42", "451=42")), 202, "terminalOrderRefundRequestSuccessfully")
		just(10*time.Second, want("REJECTED: 42"), want("PENDING: 42"))
		if o := r.order(uuid); o.Status != simulator.PartiallyRefunded {
			t.Errorf("in the books the order is %s", o.Status)
		}
		just(5*time.Second, want("PENDING: 42"), want("REFUNDED: 42"))
		just(5*time.Second, want("REFUNDED: 42"), want("REFUNDED: 42, 42"))
		just(5*time.Second, want("REFUNDED: 42, 42"), want("REFUNDED: 42, 42 done"))
	})
}

// TestALagThatEndsHidesNothing: what happened under a lag shows no earlier than under it,
// and what happens after it no earlier than that.
func TestALagThatEndsHidesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, simulator.Options{Customer: simulator.WalkAway(), Lag: simulator.Lag{List: time.Minute}})
		uuid := r.create("TRML1")
		r.sim.SetLag(simulator.Lag{})
		if err := r.sim.SetStatus(uuid, simulator.Invoiced); err != nil {
			t.Fatal(err)
		}
		want := func(what string) func() {
			return func() {
				if got := r.listed(uuid); got != what {
					t.Errorf("the list shows %q, want %q", got, what)
				}
			}
		}
		just(time.Minute, want(""), want("INVOICED"))
	})
}

// TestListInEitherOrder also reads the part of one status.
func TestListInEitherOrder(t *testing.T) {
	t.Parallel()
	r := newRig(t, simulator.Options{NewestFirst: true})
	var made []string
	for range 3 {
		made = append(made, r.create("TRML1"))
	}
	uuids := func(path string) []string {
		list, _ := r.call("GET", base+path, "").body["data"].([]any)
		var got []string
		for _, one := range list {
			m, _ := one.(map[string]any)
			uuid, _ := m["uuid"].(string)
			got = append(got, uuid)
		}
		return got
	}
	for _, path := range []string{"orders/status", "orders/status?type=PAID"} {
		if got := strings.Join(uuids(path), " "); got != made[2]+" "+made[1]+" "+made[0] {
			t.Errorf("newest first: %s", got)
		}
	}
	r.sim.SetNewestFirst(false)
	if got := strings.Join(uuids("orders/status"), " "); got != strings.Join(made, " ") {
		t.Errorf("oldest first: %s", got)
	}
}
