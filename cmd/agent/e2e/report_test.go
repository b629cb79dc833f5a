package e2e

import (
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/api/simulator"
	"tillpost/internal/shoptest"
)

// sums is how many and how much.
type sums struct {
	Count int
	Sum   string
}

func sumOf(amounts ...string) sums {
	total := new(big.Rat)
	for _, a := range amounts {
		one, ok := new(big.Rat).SetString(a)
		if !ok {
			panic("no amount: " + a)
		}
		total.Add(total, one)
	}
	return sums{len(amounts), total.FloatString(2)}
}

// TestTheReportAgreesWithTheBooks: after a day with faults the report and Front Payment's books have no øre of difference,
// and orders that only one side knows are all listed.
func TestTheReportAgreesWithTheBooks(t *testing.T) {
	outside(t)
	w := newEmbedded(t, shoptest.Options{Customer: simulator.Pay(0)})
	day := func() string { return time.Now().In(w.Zone).Format(time.DateOnly) }
	first := day()
	w.Until("a first list", func() bool {
		_, _, text := w.ask("GET", "/api/v1/report?day="+day(), "")
		return strings.Contains(text, `"compared":true`)
	})
	amounts := map[string]string{}
	sell := func(i int, amount string) string {
		id := fmt.Sprintf("sale-%d", i)
		amounts[id] = amount
		order := shoptest.Priced(shoptest.Example(w.Today(), id), amount)
		w.Send(terminal(i%2), "orders", shoptest.Request(id, "order", order))
		return id
	}
	faults := []simulator.Action{simulator.DropAfter(), simulator.BusyReply(), simulator.BusyReply(), simulator.DropAfter()}
	for i := range 12 {
		if i%3 == 1 {
			w.Sim.Inject(simulator.Fault{Operation: simulator.OpCreate, Do: faults[i/3]})
		}
		if i == 7 {
			w.customers(terminal(1), simulator.Decline(0))
		}
		w.UntilStatus(terminal(i%2), sell(i, fmt.Sprintf("%d.%02d", 10+i*7, (i*37)%100)), "an end", func(s status) bool { return s.Final })
	}
	w.Send(terminal(0), "refunds", `{"requestId":"refund-1","orderRequestId":"sale-0","full":true}`)
	w.UntilState(terminal(0), "refund-1", "refunded")
	var planted []string
	for range 5 {
		planted = append(planted, w.plant(terminal(1)))
	}
	_, _, text := w.ask("GET", "/api/v1/report?day="+day(), "")
	var r struct {
		Terminals []struct{ Paid sums }
		Total     struct{ Paid, Refunded, Declined, InDoubt sums }
		OnlyAtAPI []struct{ OrderUUID string }
		OnlyHere  []struct{ OrderUUID string }
	}
	w.Must(json.Unmarshal([]byte(text), &r))
	var paid, declined []string
	for _, o := range w.Sim.Orders() {
		switch id := shoptest.Reference(w, o); {
		case amounts[id] == "":
		case !o.PaidAt.IsZero():
			paid = append(paid, amounts[id])
		default:
			declined = append(declined, amounts[id])
		}
	}
	if first == day() { // else the shop went over midnight
		if r.Total.Paid != sumOf(paid...) || r.Total.Declined != sumOf(declined...) || r.Total.Refunded != sumOf(amounts["sale-0"]) {
			t.Errorf("the report says paid %v, declined %v, refunded %v; the books %v, %v, %v\n%s",
				r.Total.Paid, r.Total.Declined, r.Total.Refunded, sumOf(paid...), sumOf(declined...), sumOf(amounts["sale-0"]), text)
		}
	}
	var found []string
	for _, o := range r.OnlyAtAPI {
		found = append(found, o.OrderUUID)
	}
	slices.Sort(found)
	slices.Sort(planted)
	if !slices.Equal(found, planted) || len(r.OnlyHere) > 0 {
		t.Errorf("only at the API: %v, planted %v; only here: %v", found, planted, r.OnlyHere)
	}
}

// plant places an order past the agent, for a customer who pays, and returns its uuid.
func (w *world) plant(terminal string) string {
	w.Helper()
	body := strings.Replace(shoptest.Example(w.Today(), "planted"), `"receiptPrint"`, `"terminalUuid": "`+terminal+`", "receiptPrint"`, 1)
	uuid := ""
	w.Until("a terminal that is free", func() bool {
		reply := w.call("POST", "connect/terminal/orders/create", body)
		_, rest, _ := strings.Cut(reply, `"orderUuid":"`)
		uuid, _, _ = strings.Cut(rest, `"`)
		return uuid != ""
	})
	return uuid
}
