package agent_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/monitor"
)

type daySum struct {
	Count int
	Sum   string
}

type dayReport struct {
	Day                   string
	Preliminary, Compared bool
	Terminals             []struct {
		TerminalUUID, Name            string
		Paid, Refunded, InDoubt, Late daySum
	}
	Total struct {
		Paid, Refunded, Declined, Cancelled, Rejected, Expired, InDoubt, Unresolved, Late daySum
	}
	OnlyAtAPI, OnlyHere []struct{ OrderUUID, Status, RequestID string }
	ChangedSince        []struct{ RequestID, State string }
	Note                string
}

func (w *world) report(day string) (r dayReport) {
	w.Helper()
	v, err := w.a.Report(context.Background(), day)
	if err != nil {
		w.Fatal(err)
	}
	raw, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		w.Fatal(err)
	}
	return r
}

// TestReport adds a day up, finds what only one side has, and tells later what has changed since.
func TestReport(t *testing.T) {
	inWorld(t, "", func(w *world) {
		today := func() string {
			zone, err := time.LoadLocation("Europe/Oslo")
			if err != nil {
				t.Fatal(err)
			}
			return time.Now().In(zone).Format(time.DateOnly)
		}
		first := today()
		w.eventually(10*time.Second, func() bool { return false }) // the first list is taken
		w.sale(oslo, "paid-1")
		w.sale(bergen, "paid-2")
		w.send(oslo, "refunds", `{"requestId":"refund-1","orderRequestId":"paid-1","full":true}`)
		w.until(time.Minute, oslo, "refund-1", "refunded")
		w.send(oslo, "orders", `{"requestId":"bad"}`) // refused at the door: not taken in
		planted := w.foreign(bergen)
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, "doubt")
		w.until(time.Minute, oslo, "doubt", "in_doubt")
		r := w.report(first)
		if r.Day != first || !r.Preliminary || !r.Compared || r.Note == "" {
			t.Errorf("%+v", r)
		}
		if r.Total.Paid != (daySum{2, "84.00"}) || r.Total.Refunded != (daySum{1, "42.00"}) || r.Total.InDoubt != (daySum{1, "42.00"}) || r.Total.Rejected != (daySum{0, "0.00"}) {
			t.Errorf("total %+v", r.Total)
		}
		if len(r.Terminals) != 2 || r.Terminals[0].Name != "Bergen" || r.Terminals[0].Paid != (daySum{1, "42.00"}) || r.Terminals[1].Paid != (daySum{1, "42.00"}) {
			t.Errorf("terminals %+v", r.Terminals)
		}
		if len(r.OnlyAtAPI) != 1 || r.OnlyAtAPI[0].OrderUUID != planted || len(r.OnlyHere) != 0 || len(r.ChangedSince) != 0 {
			t.Errorf("one-sided: %+v, %+v, changed %+v", r.OnlyAtAPI, r.OnlyHere, r.ChangedSince)
		}
		for today() == first {
			time.Sleep(time.Hour)
		}
		if _, _, err := w.a.Resolve(context.Background(), "doubt", []byte(`{"outcome":"abandon","by":"Kari"}`)); err != nil {
			t.Fatal(err)
		}
		r = w.report(first)
		if r.Preliminary || r.Total.Cancelled != (daySum{1, "42.00"}) || r.Total.InDoubt.Count+r.Total.Unresolved.Count != 0 {
			t.Errorf("the day after: %+v", r)
		}
		if len(r.ChangedSince) != 1 || r.ChangedSince[0].RequestID != "doubt" || r.ChangedSince[0].State != "cancelled" {
			t.Errorf("changed: %+v", r.ChangedSince)
		}
		if len(r.OnlyAtAPI) != 1 || r.OnlyAtAPI[0].OrderUUID != planted {
			t.Errorf("the day after, only at the API: %+v", r.OnlyAtAPI)
		}
		if next := w.report(today()); next.Total.Paid.Count != 0 || len(next.OnlyAtAPI) != 0 {
			t.Errorf("the next day: %+v", next)
		}
		for day, code := range map[string]string{"2999-01-01": "futureDay", "1980-01-01": "dayPruned"} {
			var no *monitor.Refusal
			if _, err := w.a.Report(context.Background(), day); !errors.As(err, &no) || no.Code != code || no.Status != 400 {
				t.Errorf("%s: %v", day, err)
			}
		}
	})
}
