package outbox

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestStatesPage holds docs/states.md to what Step does.
func TestStatesPage(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(`# The states of a request

<!-- Generated from the state machine: go test ./outbox -run TestStatesPage -update -->

A till sees the states as ` + "`state`" + ` in status messages. Final states are **bold**: the request has ended, and only late evidence
or a person's decision changes it again, each with a new ` + "`revision`" + `. A state that *holds the lane* keeps the other requests of its
terminal waiting, so that they reach the API in order.

What happens to a request comes as an event. The agent writes the change to disk first, and only then does what follows from it.
`)
	for kind := KindOrder; kind <= KindResolution; kind++ {
		writeKind(t, &b, kind, kindPages[kind])
	}
	writeLegend(t, &b)
	checkGolden(t, filepath.Join("..", "docs", "states.md"), b.String())
}

func stateLabel(s State) string {
	if s.Final() {
		return "**`" + s.String() + "`**"
	}
	return "`" + s.String() + "`"
}

func writeKind(t *testing.T, b *strings.Builder, kind Kind, page kindPage) {
	fmt.Fprintf(b, "\n## %s\n\n| state | meaning | what moves it on |\n|---|---|---|\n", page.title)
	for _, s := range States(kind) {
		w, ok := page.words[s]
		if !ok || w.means == "" || w.moves == "" {
			t.Errorf("%v, %v: no words for the page on states", kind, s)
		}
		holds := ""
		if s.HoldsLane() {
			holds = " *Holds the lane.*"
		}
		fmt.Fprintf(b, "| %s | %s%s | %s |\n", stateLabel(s), w.means, holds, w.moves)
	}
	cases := runCases(page.cases(t), page.events())
	writeDiagram(b, kind, cases)
	fmt.Fprintf(b, "\n### %s, event by event\n\nEvents that a state ignores are left out. *stays* means that the state\nstays; whatever changes is told to the till. Under *when*, what lies behind the request is in italics, and what the event brings is not.\n", page.title)
	for _, s := range States(kind) {
		fmt.Fprintf(b, "\n#### %s\n\n| event | when | becomes | then |\n|---|---|---|---|\n", stateLabel(s))
		for _, e := range EventTypes() {
			for _, row := range tableRows(cases, s, e) {
				fmt.Fprintf(b, "| %v | %s | %s | %s |\n", e, row.when, row.becomes, row.then)
			}
		}
	}
}

// writeDiagram draws who leads where; what stays in its state is left out.
func writeDiagram(b *strings.Builder, kind Kind, cases []caseOutcome) {
	type edge struct{ from, to State }
	events := map[edge][]EventType{}
	for _, o := range cases {
		k := edge{o.from.r.State, o.after.State}
		if k.from != k.to && !slices.Contains(events[k], o.event.e.Type) {
			events[k] = append(events[k], o.event.e.Type)
		}
	}
	b.WriteString("\n```mermaid\nstateDiagram-v2\n    [*] --> queued\n")
	for _, from := range States(kind) {
		for _, to := range States(kind) {
			if via := events[edge{from, to}]; len(via) > 0 {
				slices.Sort(via)
				fmt.Fprintf(b, "    %v --> %v:", from, to)
				for _, e := range via {
					fmt.Fprintf(b, " %v", e)
				}
				b.WriteByte('\n')
			}
		}
	}
	b.WriteString("    classDef final font-weight:bold\n")
	for _, s := range States(kind) {
		if s.Final() {
			fmt.Fprintf(b, "    class %v final\n", s)
		}
	}
	b.WriteString("```\n")
}

type tableRow struct{ when, becomes, then string }

// tableRows gathers what an event does in a state: one row for each outcome, with the conditions that lead to it.
func tableRows(cases []caseOutcome, s State, e EventType) []tableRow {
	var rows []tableRow
	whens := map[tableRow][][2]string{}
	var from, about []string
	for _, o := range cases {
		if o.from.r.State != s || o.event.e.Type != e {
			continue
		}
		from, about = addOnce(from, o.from.when), addOnce(about, o.event.when)
		row := outcomeRow(o)
		if _, ok := whens[row]; !ok {
			rows = append(rows, row)
		}
		whens[row] = append(whens[row], [2]string{o.from.when, o.event.when})
	}
	var told []tableRow
	for _, row := range rows {
		if row.then == "" && row.becomes == "stays" {
			continue
		}
		told = append(told, tableRow{conditions(whens[row], from, about, len(rows) == 1), row.becomes, row.then})
	}
	return told
}

func addOnce(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// outcomeRow puts an outcome into words; what is ignored has none.
func outcomeRow(o caseOutcome) tableRow {
	row := tableRow{becomes: "stays"}
	if countFx(o.fx, Ignored, "") > 0 {
		return row
	}
	if o.after.State != o.from.r.State {
		row.becomes = stateLabel(o.after.State)
		if o.after.Late {
			row.becomes += " (late)"
		}
	}
	var then []string
	for i, w := range effectWords(o.fx, false) {
		if told := o.fx[i].Type == Publish && o.fx[i].Waiting == nil && o.after.Revision != o.from.r.Revision && o.after.State != o.from.r.State; !told {
			then = append(then, strings.TrimSuffix(w, " ()"))
		}
	}
	row.then = strings.Join(then, ", ")
	if row.then == "" && o.after.State != o.from.r.State {
		row.then = "—"
	}
	return row
}

// conditions says when an outcome comes about: by what the request has behind it, by what the event says, or both.
func conditions(pairs [][2]string, from, about []string, always bool) string {
	if always {
		return ""
	}
	byFrom := map[string][]string{}
	var froms []string
	for _, p := range pairs {
		froms = addOnce(froms, p[0])
		byFrom[p[0]] = append(byFrom[p[0]], p[1])
	}
	var parts []string
	done := map[string]bool{}
	for _, f := range froms {
		key := strings.Join(byFrom[f], "|")
		if done[key] {
			continue
		}
		done[key] = true
		var same []string
		for _, g := range froms {
			if strings.Join(byFrom[g], "|") == key {
				same = append(same, g)
			}
		}
		var part []string
		if len(same) < len(from) {
			part = append(part, "*"+oneOfWords(same)+"*")
		}
		if len(byFrom[f]) < len(about) {
			part = append(part, oneOfWords(byFrom[f]))
		}
		parts = append(parts, strings.Join(part, ": "))
	}
	return strings.Join(parts, "; ")
}

func oneOfWords(whens []string) string {
	words := slices.Clone(whens)
	for i, w := range words {
		if w == "" {
			words[i] = "otherwise"
		}
	}
	return strings.Join(words, " / ")
}

func writeLegend(t *testing.T, b *strings.Builder) {
	b.WriteString("\n## Events\n\n| event | what happened |\n|---|---|\n")
	for _, e := range EventTypes() {
		if eventWords[e] == "" {
			t.Errorf("no words for event %v", e)
		}
		fmt.Fprintf(b, "| %v | %s |\n", e, eventWords[e])
	}
	b.WriteString("\n## What follows\n\n| effect | meaning |\n|---|---|\n")
	for e := Submit; e <= Ignored; e++ {
		if effectMeanings[e] == "" {
			t.Errorf("no words for effect %v", e)
		}
		fmt.Fprintf(b, "| %v | %s |\n", e, effectMeanings[e])
	}
}
