package main

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"tillpost/mqtt/message"
)

// The forms of a report.
const (
	asTable = "table"
	asCSV   = "csv"
	asJSON  = "json"
)

type shownSum struct {
	Count int
	Sum   string
}

type shownOutcomes struct {
	Paid, Refunded, Declined, Cancelled, Rejected, Expired, InDoubt, Unresolved, Late shownSum
}

// each lists the outcomes in the order of a report.
func (o shownOutcomes) each(fn func(name string, s shownSum)) {
	for _, one := range []struct {
		name string
		sum  shownSum
	}{
		{"paid", o.Paid}, {"refunded", o.Refunded}, {"declined", o.Declined}, {"cancelled", o.Cancelled}, {"rejected", o.Rejected},
		{"expired", o.Expired}, {"inDoubt", o.InDoubt}, {"unresolved", o.Unresolved}, {"late", o.Late},
	} {
		fn(one.name, one.sum)
	}
}

// shownReport is a day's sums in the daemon's answer.
type shownReport struct {
	Day                   string
	Preliminary, Compared bool
	Currency, Note        string
	Terminals             []struct {
		TerminalUUID, Name string
		shownOutcomes
	}
	Total     shownOutcomes
	OnlyAtAPI []struct{ OrderUUID, Status string }
	OnlyHere  []struct {
		OrderUUID, RequestID, TerminalUUID string
		Amount                             *message.Amount
	}
	ChangedSince []struct {
		RequestID, TerminalUUID, State string
		At                             message.Timestamp
		Amount                         *message.Amount
	}
}

func newReport() *cobra.Command {
	var day, format string
	var raw bool
	c := &cobra.Command{
		Use:   "report --day DAY",
		Short: "Add up what a day's requests came to",
		Long: `Adds up the orders and refunds that were accepted on a day of the store's time zone,
by how they stand now: numbers and sums, for each terminal and in all. It tells
what changed after the day was over, and which orders only Front Payment's list or
only tillpost has, where that list can be read. It is no cash register's report.`,
		Example: `  tillpost report --day 2026-11-20
  tillpost report --day 2026-11-20 --format csv > day.csv`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if raw && c.Flags().Changed("format") && format != asJSON {
				return usagef("--json and --format %s say different things; choose one", format)
			}
			if raw {
				format = asJSON
			}
			return dayReport(c, day, format)
		},
	}
	c.Flags().StringVar(&day, "day", "", "the `DAY` of the store, as 2026-11-20")
	c.Flags().StringVar(&format, "format", asTable, "`FORM` of it: table, csv or json")
	c.Flags().BoolVar(&raw, "json", false, "the same as --format json")
	return daemonFlags(c)
}

func dayReport(c *cobra.Command, day, format string) error {
	if day == "" {
		return usagef("say which day with --day, as 2026-11-20")
	}
	if err := checkDay(day); err != nil {
		return err
	}
	if format != asTable && format != asCSV && format != asJSON {
		return usagef("--format %q is none of table, csv and json", format)
	}
	d, raw, err := get(c, "/api/v1/report", url.Values{"day": {day}})
	if err != nil {
		return err
	}
	if format == asJSON {
		return printJSON(c, raw)
	}
	var r shownReport
	if err := readAnswer(raw, &r); err != nil {
		return err
	}
	if format == asCSV {
		return r.csv(c.OutOrStdout())
	}
	p := newPaper(c.OutOrStdout())
	r.show(p, d.cfg.Store.Location)
	return p.err
}

// csv writes terminal,outcome,count,sum; the last terminal is "total".
func (r shownReport) csv(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"terminal", "outcome", "count", "sum"}}
	add := func(terminal string) func(string, shownSum) {
		return func(outcome string, s shownSum) {
			rows = append(rows, []string{terminal, outcome, fmt.Sprint(s.Count), s.Sum})
		}
	}
	for _, t := range r.Terminals {
		t.each(add(t.TerminalUUID))
	}
	r.Total.each(add("total"))
	return out.WriteAll(rows)
}

// show writes it for a person.
func (r shownReport) show(p *paper, local *time.Location) {
	state := "closed"
	if r.Preliminary {
		state = "preliminary: the day is not over"
	}
	p.facts([][2]string{{"day", r.Day}, {"state", state}, {"note", r.Note}})
	t := table{columns: []column{{head: "TERMINAL", least: 8}, {head: "OUTCOME"}, {head: "COUNT", right: true}, {head: "SUM " + r.Currency, right: true}}}
	add := func(terminal string) func(string, shownSum) {
		return func(outcome string, s shownSum) {
			if s.Count > 0 || terminal == "total" {
				t.add(terminal, outcome, fmt.Sprint(s.Count), s.Sum)
			}
		}
	}
	for _, one := range r.Terminals {
		one.each(add(cmp.Or(one.Name, one.TerminalUUID)))
	}
	r.Total.each(add("total"))
	p.write("\n")
	p.table(t)
	r.differences(p, local)
}

// differences writes what only one side has, and what changed after the day.
func (r shownReport) differences(p *paper, local *time.Location) {
	t := table{columns: []column{{head: "DIFFERENCE", least: 8}, {head: "WHAT", least: 10}, {head: "STATE", givesWay: 1}, {head: "AMOUNT", right: true}, {head: "WHEN", givesWay: 2}}}
	for _, o := range r.OnlyAtAPI {
		t.add("only at Front Payment", o.OrderUUID, o.Status, "", "")
	}
	for _, o := range r.OnlyHere {
		t.add("not in Front Payment's list", o.RequestID+" "+o.OrderUUID, "paid", amountText(o.Amount), "")
	}
	for _, o := range r.ChangedSince {
		t.add("changed since", o.RequestID, o.State, amountText(o.Amount), p.when(o.At.In(local)))
	}
	if len(t.rows) == 0 {
		text := "Nothing differs from Front Payment's list, and nothing has changed since.\n"
		if !r.Compared {
			text = "Front Payment's list could not be read, or does not show orders of ours: it was not compared.\n"
		}
		p.write("\n" + text)
		return
	}
	p.write("\n")
	p.table(t)
}
