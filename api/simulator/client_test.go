package simulator_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"tillpost/api"
	"tillpost/api/simulator"
)

// clientRig returns the project's own client against the simulator, on pipes; for
// synctest bubbles.
func clientRig(t *testing.T, opts simulator.Options) (*rig, *api.Client) {
	t.Helper()
	r := newRig(t, opts)
	ln := r.sim.ListenPipe()
	r.serve(ln)
	c, err := api.New(api.Options{
		BaseURL: "http://127.0.0.1/api/v1", OrganizationUUID: "ORG1", DialContext: ln.DialContext,
		Token: func() (string, error) { return "secret", nil }, RequestsPerMinute: 100_000,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return r, c
}

// TestTheClientUnderstandsTheSimulator walks through every operation.
func TestTheClientUnderstandsTheSimulator(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := clientRig(t, simulator.Options{Customer: simulator.Pay(5 * time.Second)})
		ctx := context.Background()
		accepted := func(what string, rep api.Reply) {
			t.Helper()
			if rep.Outcome != api.OutcomeAccepted {
				t.Errorf("%s: %v %d %s %v", what, rep.Outcome, rep.HTTPStatus, rep.Code, rep.Err)
			}
		}
		list, rep := c.ListTerminals(ctx)
		accepted("list terminals", rep)
		if len(list) != 2 || list[0] != (api.Terminal{UUID: "TRML1", Name: "Till 1", Active: true, Organization: "ORG1"}) {
			t.Errorf("terminals: %+v", list)
		}
		uuid, rep := c.CreateOrder(ctx, nil, []byte(r.payload("TRML1")))
		accepted("create", rep)
		st, rep := c.PaymentStatus(ctx, uuid)
		accepted("payment status", rep)
		if st.State != api.PaymentPending {
			t.Errorf("a new order is %v", st)
		}
		accepted("resend", c.Resend(ctx, uuid))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if st, _ = c.PaymentStatus(ctx, uuid); st.State != api.PaymentPaid {
			t.Errorf("a paid order is %v", st)
		}
		if rep := c.Cancel(ctx, uuid, api.CancelPayment); rep.Outcome != api.OutcomeRefused || rep.Code != "orderStatusAlreadyPaid" {
			t.Errorf("cancel of a paid order: %v %s", rep.Outcome, rep.Code)
		}
		d, rep := c.OrderDetails(ctx, uuid)
		accepted("details", rep)
		if total, ok := d.GrandTotal.Minor(); !ok || total != 13900 || len(d.Products) != 2 || d.Products[1].ID != 452 {
			t.Errorf("details: %+v", d)
		}
		final, rep := c.Refund(ctx, nil, uuid, []byte(refundOf("42", "451=42")))
		accepted("refund", rep)
		if rs, rep := c.RefundStatus(ctx, uuid); final || rs != api.RefundDone {
			t.Errorf("refund: final %v, %v, %v", final, rs, rep)
		}
		accepted("approval", c.RequestApproval(ctx, nil, uuid, []byte(`{"type":"regular","grandTotal":5,"message":"why","products":[{"id":451,"amount":5}]}`)))
		one, rep := c.OrderStatus(ctx, uuid)
		accepted("order status", rep)
		var all []api.OrderStatus
		accepted("order statuses", c.OrderStatuses(ctx, "", func(s api.OrderStatus) error { all = append(all, s); return nil }))
		if len(all) != 1 || all[0] != one || one.Status != "PARTIAL REFUNDED" {
			t.Errorf("lists: %v, %v", all, one)
		}
		accepted("an empty list", c.OrderStatuses(ctx, "EXPIRED", func(api.OrderStatus) error { return nil }))
	})
}

// TestTheClientReadsEveryFault pairs each fault of a create with the outcome that
// a till's money depends on, and with the truth in the books.
func TestTheClientReadsEveryFault(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do     simulator.Action
		want   api.Outcome
		orders int
	}{
		"drop before":      {simulator.DropBefore(), api.OutcomeAmbiguous, 0},
		"drop after":       {simulator.DropAfter(), api.OutcomeAmbiguous, 1},
		"half reply":       {simulator.HalfReply(), api.OutcomeAmbiguous, 1},
		"refuse":           {simulator.Refuse(400, "Conflict of Business Logic", "noSuchThing"), api.OutcomeRefused, 0},
		"bad gateway":      {simulator.Status(502, "<html>"), api.OutcomeAmbiguous, 0},
		"unauthorized":     {simulator.Unauthorized(), api.OutcomeUnauthorized, 0},
		"rate limited":     {simulator.RateLimited(time.Minute), api.OutcomeRateLimited, 0},
		"redirect":         {simulator.Redirect(307), api.OutcomeAmbiguous, 0},
		"busy":             {simulator.BusyReply(), api.OutcomeBusy, 0},
		"busy but created": {simulator.BusyButCreated(), api.OutcomeBusy, 1},
		"under 200":        {simulator.Under200(), api.OutcomeAccepted, 1},
		"html":             {simulator.Unreadable(simulator.GarbageHTML), api.OutcomeAmbiguous, 1},
		"empty":            {simulator.Unreadable(simulator.GarbageEmpty), api.OutcomeAmbiguous, 1},
		"huge":             {simulator.Unreadable(simulator.GarbageHuge), api.OutcomeAmbiguous, 1},
		"late":             {simulator.DelayReply(time.Hour), api.OutcomeAmbiguous, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				r, client := clientRig(t, simulator.Options{})
				r.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: c.do})
				_, rep := client.CreateOrder(context.Background(), nil, []byte(r.payload("TRML1")))
				if rep.Outcome != c.want || len(r.sim.Orders()) != c.orders {
					t.Errorf("%v (HTTP %d, %v) and %d orders, want %v and %d", rep.Outcome, rep.HTTPStatus, rep.Err, len(r.sim.Orders()), c.want, c.orders)
				}
			})
		})
	}
}

// TestTheClientSeesAnOutageAsNotSent: refused connections cost no doubt.
func TestTheClientSeesAnOutageAsNotSent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r, c := clientRig(t, simulator.Options{})
		if err := r.sim.SetDown(true); err != nil {
			t.Fatal(err)
		}
		if _, rep := c.CreateOrder(context.Background(), nil, []byte(r.payload("TRML1"))); rep.Outcome != api.OutcomeUnavailable {
			t.Errorf("while down: %v", rep.Outcome)
		}
	})
}
