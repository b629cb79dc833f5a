package demo

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/govalues/decimal"

	"tillpost/api/simulator"
	"tillpost/internal/money"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// day is a small day that is as it should be: a sale that was paid, and in part paid back, a declined one, and a cancel that
// came too late.
type day struct {
	script  []expected
	told    map[string]message.Status
	books   []simulator.Order
	counted finished
}

func goodDay() day {
	amount := func(minor int64) *message.Amount { return message.NewAmount(minor, "NOK") }
	return day{
		script: []expected{
			{id: "s1", kind: mqtt.KindOrder, state: "paid", minor: 10050},
			{id: "s2", kind: mqtt.KindOrder, state: "declined", minor: 2000},
			{id: "r1", kind: mqtt.KindRefund, state: "refunded", minor: 5000},
			{id: "c1", kind: mqtt.KindCancel, state: "rejected", code: "paid"},
		},
		told: map[string]message.Status{
			"s1": {State: "paid", Final: true, OrderUUID: "ODR1", Amount: amount(10050)},
			"s2": {State: "declined", Final: true, OrderUUID: "ODR2", Amount: amount(2000)},
			"r1": {State: "refunded", Final: true, OrderUUID: "ODR1", Amount: amount(5000)},
			"c1": {State: "rejected", Final: true, Reason: &message.Reason{Code: "paid"}},
		},
		books: []simulator.Order{
			{UUID: "ODR1", References: []string{"mark1", "s1"}, Status: simulator.PartiallyRefunded, PaidAt: time.Unix(1, 0),
				Amount: decimal.MustParse("100.50"), Refunds: []simulator.Refund{
					{Amount: decimal.MustParse("50.00"), Status: simulator.RefundDone},
					{Amount: decimal.MustParse("7.00"), Status: simulator.RefundRejected},
				}},
			{UUID: "ODR2", References: []string{"mark2", "s2"}, Status: simulator.Cancelled, Declined: true, Amount: decimal.MustParse("20.00")},
		},
		counted: finished{{"order", "paid"}: 1, {"order", "declined"}: 1, {"refund", "refunded"}: 1},
	}
}

func (d day) judge() result { return evaluate(d.script, d.told, d.books, d.counted) }

func (d day) set(id string, change func(*message.Status)) {
	s := d.told[id]
	change(&s)
	d.told[id] = s
}

func TestJudgeAcquits(t *testing.T) {
	t.Parallel()
	v := goodDay().judge()
	if len(v.faults) > 0 {
		t.Fatalf("%q", v.faults)
	}
	if want, back := (tally{1, 10050}), (tally{1, 5000}); v.told["paid"] != want || v.booked["paid"] != want || v.told["refunded"] != back || v.booked["refunded"] != back ||
		v.twice != 0 || v.open != 0 {
		t.Errorf("%+v", v)
	}
}

// TestJudgeFinds changes one thing at a time; each has to be found.
func TestJudgeFinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*day)
		want   string
	}{
		"a second order": {func(d *day) {
			twin := d.books[0]
			twin.UUID = "ODR3"
			twin.Refunds = nil
			d.books = append(d.books, twin)
		}, "Front Payment has 2 orders for s1"},
		"an order that was lost": {func(d *day) { d.books = d.books[:1] }, "Front Payment has 0 orders for s2"},
		"an order of nobody": {func(d *day) {
			d.books = append(d.books, simulator.Order{UUID: "ODR9", Status: simulator.Sent})
		}, "ODR9, which nobody placed"},
		"another order":        {func(d *day) { d.set("s1", func(s *message.Status) { s.OrderUUID = "ODR2" }) }, "was told to be ODR2"},
		"paid, but not told":   {func(d *day) { d.set("s1", func(s *message.Status) { s.State = "cancelled" }) }, "s1 was told cancelled, but is PARTIAL REFUNDED"},
		"told, but not paid":   {func(d *day) { d.books[0].PaidAt = time.Time{} }, "s1 was told paid"},
		"another end":          {func(d *day) { d.set("s2", func(s *message.Status) { s.State = "cancelled" }) }, "s2 ended cancelled, not declined"},
		"another reason":       {func(d *day) { d.set("c1", func(s *message.Status) { s.Reason.Code = "declined" }) }, "c1 ended rejected for another reason"},
		"no reason":            {func(d *day) { d.set("c1", func(s *message.Status) { s.Reason = nil }) }, "c1 ended rejected for another reason"},
		"no end":               {func(d *day) { d.set("r1", func(s *message.Status) { s.Final = false }) }, "r1 has not ended"},
		"no word":              {func(d *day) { delete(d.told, "c1") }, "nothing was ever told of c1"},
		"late news":            {func(d *day) { d.set("s1", func(s *message.Status) { s.Late = true }) }, "s1 was told late"},
		"another amount told":  {func(d *day) { d.set("s1", func(s *message.Status) { s.Amount.Value = "100.51" }) }, "s1 moved 100.51, not 100.50"},
		"no readable amount":   {func(d *day) { d.set("s1", func(s *message.Status) { s.Amount.Value = "much" }) }, "s1 moved"},
		"another amount there": {func(d *day) { d.books[0].Amount = decimal.MustParse("100.51") }, "s1 is 100.51 at Front Payment"},
		"a refund too many": {func(d *day) { d.books[0].Refunds[1].Status = simulator.RefundDone },
			"of order ODR1 57.00 were paid back, but 50.00 were told"},
		"a refund not carried out": {func(d *day) { d.books[0].Refunds = nil }, "of order ODR1 0.00 were paid back"},
		"metrics that miss one":    {func(d *day) { d.counted = finished{} }, "sales paid: the till heard of 1, the metrics count 0"},
		"metrics that count twice": {func(d *day) { d.counted = d.counted.add(d.counted) }, "the metrics count 2"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := goodDay()
			c.change(&d)
			v := d.judge()
			if !slices.ContainsFunc(v.faults, func(f string) bool { return strings.Contains(f, c.want) }) {
				t.Errorf("want a fault with %q, got %q", c.want, v.faults)
			}
		})
	}
}

func TestSummaryCountsWhatIsWrong(t *testing.T) {
	t.Parallel()
	d := goodDay()
	d.books = append(d.books, simulator.Order{UUID: "ODR3", References: []string{"s1"}, Status: simulator.Sent})
	delete(d.told, "c1")
	v := d.judge()
	if v.twice != 1 || v.open != 1 {
		t.Errorf("twice %d, open %d", v.twice, v.open)
	}
	text := strings.Join(v.table(), "\n")
	for _, want := range []string{"charged twice                                        1", "without an end                   1", "sales paid           1      100.50       1      100.50               1"} {
		if !strings.Contains(text, want) {
			t.Errorf("the summary lacks %q:\n%s", want, text)
		}
	}
}

func TestOre(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]money.Minor{"42": 4200, "42.00": 4200, "0.05": 5, "6499.9": 649990, "1.005": -1, "": -1, "x": -1} {
		if got := minorOf(text); got != want {
			t.Errorf("%q is %d, want %d", text, got, want)
		}
	}
}

func TestFinishedAreReadFromAnExposition(t *testing.T) {
	t.Parallel()
	got, err := parseFinished(strings.Join([]string{
		`# HELP tillpost_requests_finished_total Entries into a final state.`,
		`# TYPE tillpost_requests_finished_total counter`,
		`tillpost_requests_finished_total{kind="order",state="paid"} 1`,
		`tillpost_requests_finished_total{kind="order",state="declined"} 2`,
		`# TYPE tillpost_end_to_end_seconds histogram`,
		`tillpost_end_to_end_seconds_sum{kind="order"} 1.25`, "",
	}, "\n"))
	if want := (finished{{"order", "paid"}: 1, {"order", "declined"}: 2}); err != nil || !maps.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if _, err := parseFinished("<html>"); err == nil {
		t.Error("a page is taken for an exposition")
	}
}
