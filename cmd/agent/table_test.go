package main

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func sampleTable() table {
	t := table{columns: []column{{head: "ID", least: 8}, {head: "STATE", paint: stateColour}, {head: "SUM", right: true}, {head: "WHY", givesWay: 1, least: 12}}}
	t.add("0b2c6f1e-7c1d-4f5a-9d43-6a3f0e6b9a11", "paid", "1234567.50", "")
	t.add("till-1", "in_doubt", "42.00", "it may have reached the API; the agent looks for it\x1b[31m\n")
	return t
}

func onPaper(p *paper, t table) error {
	p.table(t)
	return p.err
}

func TestTablesAreAsWideAsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, width := range []int{40, 80, 200} {
		var b strings.Builder
		if err := onPaper(&paper{w: &b, width: width}, sampleTable()); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d: %q", width, b.String())
		}
		for _, line := range lines {
			if n := utf8.RuneCountInString(line); n > width {
				t.Errorf("%d: a line of %d: %q", width, n, line)
			}
		}
		if !strings.Contains(b.String(), "1234567.50") || strings.Contains(b.String(), "\x1b") {
			t.Errorf("%d: %q", width, b.String())
		}
		if whole := strings.Contains(b.String(), "0b2c6f1e-7c1d-4f5a-9d43-6a3f0e6b9a11"); width != 80 && whole != (width == 200) {
			t.Errorf("%d: the id is whole: %v\n%s", width, whole, b.String())
		}
		if all := strings.Contains(b.String(), "the agent looks for it"); all != (width == 200) {
			t.Errorf("%d: the reason is whole: %v\n%s", width, all, b.String())
		}
	}
}

func TestTablesLeaveOutWhatGivesWay(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := onPaper(&paper{w: &b, width: 30}, sampleTable()); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Contains(got, "WHY") || !strings.Contains(got, "1234567.50") {
		t.Errorf("%q", got)
	}
}

// What has to be read whole goes on in the next line, under its own head.
func TestTablesFold(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	tab := table{columns: []column{{head: "WHEN"}, {head: "WHAT", least: 10, folds: true}}}
	tab.add("12:00:00", "the reply was lost: it may or may not have been carried out")
	if err := onPaper(&paper{w: &b, width: 40}, tab); err != nil {
		t.Fatal(err)
	}
	const want = "WHEN      WHAT\n12:00:00  the reply was lost: it may or\n          may not have been carried out\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestTablesInPipesAreTabbed(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	if err := onPaper(newPaper(&b), sampleTable()); err != nil {
		t.Fatal(err)
	}
	const want = "ID\tSTATE\tSUM\tWHY\n0b2c6f1e-7c1d-4f5a-9d43-6a3f0e6b9a11\tpaid\t1234567.50\t\n" +
		"till-1\tin_doubt\t42.00\tit may have reached the API; the agent looks for it·[31m·\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}

func TestColoursAreOnlyPaint(t *testing.T) {
	t.Parallel()
	var plainly, painted strings.Builder
	if err := onPaper(&paper{w: &plainly, width: 80}, sampleTable()); err != nil {
		t.Fatal(err)
	}
	if err := onPaper(&paper{w: &painted, width: 80, coloured: true}, sampleTable()); err != nil {
		t.Fatal(err)
	}
	text := painted.String()
	if !strings.Contains(text, string(green)+"paid"+asBefore) || !strings.Contains(text, string(red)+"in_doubt"+asBefore) {
		t.Errorf("%q", text)
	}
	for _, c := range []string{string(green), string(red), string(bold), asBefore} {
		text = strings.ReplaceAll(text, c, "")
	}
	// A line's end is cut before or after the paint.
	if strings.ReplaceAll(text, " ", "") != strings.ReplaceAll(plainly.String(), " ", "") {
		t.Errorf("%q\n%q", text, plainly.String())
	}
}

func TestFactsAreFolded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	p := &paper{w: &b, width: 40}
	p.facts([][2]string{{"state", "degraded"}, {"problem", "apiUnreachable: Front Payment does not answer; requests are kept"}})
	if p.err != nil {
		t.Fatal(p.err)
	}
	const want = "state    degraded\n" +
		"problem  apiUnreachable: Front Payment\n" +
		"         does not answer; requests are\n" +
		"         kept\n"
	if b.String() != want {
		t.Errorf("%q", b.String())
	}
}
