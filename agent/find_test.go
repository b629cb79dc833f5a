package agent_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/monitor"
	"tillpost/outbox"
)

// found is the ids of a page.
func (w *world) found(q monitor.Query) (ids []string, next uint64) {
	w.Helper()
	if q.Limit == 0 {
		q.Limit = 100
	}
	page, err := w.a.Requests(q)
	if err != nil {
		w.Fatalf("%+v: %v", q, err)
	}
	raw, err := json.Marshal(page.Requests)
	if err != nil {
		w.Fatal(err)
	}
	var list []struct{ RequestID string }
	if err := json.Unmarshal(raw, &list); err != nil {
		w.Fatal(err)
	}
	for _, r := range list {
		ids = append(ids, r.RequestID)
	}
	return ids, page.Next
}

// TestLists narrows and pages, while requests come and change.
func TestLists(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sale(oslo, "paid-1")
		uuid := w.now(oslo, "paid-1").OrderUUID
		w.send(oslo, "refunds", `{"requestId":"refund-1","orderRequestId":"paid-1","full":true}`)
		w.until(time.Minute, oslo, "refund-1", "refunded")
		w.until(0, oslo, "paid-1", "paid")
		w.down(true)
		for i := range 5 {
			w.order([]string{oslo, bergen}[i%2], fmt.Sprintf("open-%d", i))
		}
		w.untilWaiting(time.Minute, oslo, "open-4", "behind")
		for name, c := range map[string]struct {
			q    monitor.Query
			want string
		}{
			"all":              {monitor.Query{}, "open-4 open-3 open-2 open-1 open-0 refund-1 paid-1"},
			"a terminal":       {monitor.Query{Terminal: bergen}, "open-3 open-1"},
			"a state":          {monitor.Query{State: outbox.StatePaid}, "paid-1"},
			"a kind":           {monitor.Query{Kind: outbox.KindRefund}, "refund-1"},
			"both":             {monitor.Query{Kind: outbox.KindRefund, State: outbox.StatePaid}, ""},
			"today":            {monitor.Query{Day: time.Now().Format(time.DateOnly), Kind: outbox.KindRefund}, "refund-1"},
			"another day":      {monitor.Query{Day: "2031-01-01"}, ""},
			"a request":        {monitor.Query{Q: "open-2"}, "open-2"},
			"an order":         {monitor.Query{Q: uuid}, "refund-1 paid-1"},
			"nothing":          {monitor.Query{Q: "nobody"}, ""},
			"a request, other": {monitor.Query{Q: "open-2", Terminal: bergen}, ""},
		} {
			if ids, next := w.found(c.q); strings.Join(ids, " ") != c.want || next != 0 {
				t.Errorf("%s: %v, next %d, want %s", name, ids, next, c.want)
			}
		}
		var no *monitor.Refusal
		if _, err := w.a.Requests(monitor.Query{Terminal: "TRML9", Limit: 1}); !errors.As(err, &no) || no.Status != 400 || no.Code != "unknownTerminal" {
			t.Errorf("an unknown terminal: %v", err)
		}
		var all []string
		for next, pages := uint64(0), 0; pages == 0 || next != 0; pages++ {
			var ids []string
			ids, next = w.found(monitor.Query{Limit: 2, Before: next})
			all = append(all, ids...)
			w.order(oslo, fmt.Sprintf("more-%d", pages))
			if err := w.sim.SetDown(pages%2 == 1); err != nil {
				t.Fatal(err)
			}
			w.eventually(5*time.Second, func() bool { return false })
		}
		if want := "open-4 open-3 open-2 open-1 open-0 refund-1 paid-1"; strings.Join(all, " ") != want {
			t.Errorf("page by page: %v, want %s", all, want)
		}
	})
}

// TestADoubtShowsItsEvidence: what was looked at, when, and what was seen.
func TestADoubtShowsItsEvidence(t *testing.T) {
	inWorld(t, "", func(w *world) {
		w.sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: simulator.DropBefore()})
		w.order(oslo, "doubt")
		w.until(time.Minute, oslo, "doubt", "in_doubt")
		v, ok, err := w.a.Request("doubt")
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		raw, _ := json.Marshal(v)
		var r struct {
			Accepted string
			History  []struct{ Event string }
			Evidence []struct{ At, Looked, Seen string }
		}
		if err := json.Unmarshal(raw, &r); err != nil || r.Accepted == "" || len(r.History) < 3 || len(r.Evidence) == 0 || r.Evidence[0].Seen == "" {
			t.Errorf("%s, %v", raw, err)
		}
	})
}

// TestTheAgentsOwnView says what is wrong, what to do, and how far each connection comes.
func TestTheAgentsOwnView(t *testing.T) {
	inWorld(t, "", func(w *world) {
		type view struct {
			State, Build string
			Problems     []struct {
				Code, Todo    string
				StopsPayments bool
			}
			Connections []struct {
				Name, Stage, Message string
				OK                   bool
			}
			Store struct{ Timezone string }
		}
		look := func() (v view) {
			raw, err := json.Marshal(w.a.Agent())
			if err == nil {
				err = json.Unmarshal(raw, &v)
			}
			if err != nil {
				t.Fatal(err)
			}
			return v
		}
		w.eventuallyOrFail(func() bool { return look().State == "online" })
		v := look()
		if v.Build != "test" || v.Store.Timezone != "Europe/Oslo" || len(v.Problems) != 0 || len(v.Connections) != 2 {
			t.Errorf("online: %+v", v)
		}
		for _, c := range v.Connections {
			if !c.OK || c.Stage != "answer" {
				t.Errorf("online: %+v", c)
			}
		}
		w.down(true)
		w.order(oslo, "waits")
		w.eventuallyOrFail(func() bool { return look().State == "degraded" })
		v = look()
		if v.State != "degraded" || len(v.Problems) != 1 || !v.Problems[0].StopsPayments || v.Problems[0].Todo == "" {
			t.Errorf("down: %+v", v)
		}
		if i := slices.IndexFunc(v.Connections, func(c struct {
			Name, Stage, Message string
			OK                   bool
		}) bool {
			return c.Name == "api"
		}); i < 0 || v.Connections[i].OK || v.Connections[i].Message == "" {
			t.Errorf("down: %+v", v.Connections)
		}
	})
}
