package main

import (
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"tillpost/internal/term"
)

// table has rows under heads. On a terminal it is as wide as that, in a pipe it is tab-separated.
type table struct {
	columns []column
	rows    [][]string
}

// column is one of a table's, as wide as its widest cell where all of them fit. Where they don't, columns are left out, and
// what is left is cut.
type column struct {
	head  string
	right bool // as numbers are
	// givesWay orders the columns that are left out before others are cut below their least: the greatest first, which is
	// at most the number of columns; 0 never.
	givesWay int
	// least is the width to which cells may be cut; 0: they are shown whole or not at all.
	least int
	// folds: a cell of the last column that is too long goes on in the next line instead.
	folds bool
	paint func(cell string) colour
}

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = term.Printable(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// colour is the escape sequence before a text; none is "".
type colour string

const (
	noColour colour = ""
	green    colour = "\x1b[32m"
	red      colour = "\x1b[31m"
	yellow   colour = "\x1b[33m"
	bold     colour = "\x1b[1m"
	asBefore        = "\x1b[0m"
)

// paper is where a command writes for people or for a program.
type paper struct {
	w        io.Writer
	width    int // 0: no terminal
	coloured bool
	// err is the first that writing brought; nothing is written after it.
	err error
}

func newPaper(w io.Writer) *paper {
	width := term.Width(w)
	return &paper{w: w, width: width, coloured: width > 0 && os.Getenv("NO_COLOR") == ""}
}

func (p *paper) write(text string) {
	if p.err == nil {
		_, p.err = io.WriteString(p.w, text)
	}
}

func (p *paper) paint(text string, c colour) string {
	if !p.coloured || c == noColour {
		return text
	}
	return string(c) + text + asBefore
}

// when returns a time as text: for a person without its day, if that is today.
func (p *paper) when(at time.Time) string {
	y, m, d := time.Now().In(at.Location()).Date()
	if p.width > 0 && at.Year() == y && at.Month() == m && at.Day() == d {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateTime)
}

// table writes a table.
func (p *paper) table(t table) {
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = c.head
	}
	var widths []int
	if p.width > 0 {
		widths = t.fit(p.width)
	}
	var b strings.Builder
	for i, row := range append([][]string{heads}, t.rows...) {
		if p.width == 0 {
			b.WriteString(strings.Join(row, "\t") + "\n")
		} else {
			p.line(&b, t, widths, row, i == 0)
		}
	}
	p.write(b.String())
}

// line writes a row, in further lines too where its last cell is folded.
func (p *paper) line(b *strings.Builder, t table, widths []int, row []string, head bool) {
	last := len(widths) - 1 // of those that are shown
	for last > 0 && widths[last] == 0 {
		last--
	}
	var rest []string
	before := 0
	for i, c := range t.columns {
		w := widths[i]
		if w == 0 {
			continue
		}
		if before > 0 {
			b.WriteString(strings.Repeat(" ", gap))
			before += gap
		}
		cell := shorten(row[i], w)
		if c.folds && cell != row[i] {
			rest = term.Fold(row[i], w)
			cell, rest = rest[0], rest[1:]
		}
		paint := noColour
		if head {
			paint = bold
		} else if c.paint != nil {
			paint = c.paint(row[i])
		}
		pad := strings.Repeat(" ", w-utf8.RuneCountInString(cell))
		switch {
		case c.right:
			b.WriteString(pad + p.paint(cell, paint))
		case i == last:
			b.WriteString(p.paint(cell, paint))
		default:
			b.WriteString(p.paint(cell, paint) + pad)
		}
		if i != last {
			before += w
		}
	}
	b.WriteString("\n")
	for _, part := range rest {
		b.WriteString(strings.Repeat(" ", before) + part + "\n")
	}
}

const gap = 2

// fit shares a width out among the columns; 0 is for one that is left out.
func (t table) fit(width int) []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = utf8.RuneCountInString(c.head)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	over := func(least bool) int {
		sum := -gap - width
		for i, w := range widths {
			if least && t.columns[i].least > 0 {
				w = min(w, t.columns[i].least)
			}
			if w > 0 {
				sum += w + gap
			}
		}
		return sum
	}
	for way := len(t.columns); way > 0 && over(true) > 0; way-- {
		for i, c := range t.columns {
			if c.givesWay == way {
				widths[i] = 0
			}
		}
	}
	for over(false) > 0 {
		widest := -1
		for i, w := range widths {
			if least := t.columns[i].least; least > 0 && w > least && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break // what is left is shown whole; the terminal breaks the line
		}
		widths[widest]--
	}
	return widths
}

// shorten cuts a text to a width.
func shorten(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	runes := []rune(s)
	return string(runes[:width-1]) + "…"
}

// facts writes names with their values, one in a line. A long value is folded on a terminal.
func (p *paper) facts(list [][2]string) {
	var b strings.Builder
	wide := 0
	for _, f := range list {
		wide = max(wide, utf8.RuneCountInString(f[0]))
	}
	for _, f := range list {
		value := term.Printable(f[1])
		if p.width == 0 {
			b.WriteString(f[0] + "\t" + value + "\n")
			continue
		}
		b.WriteString(p.paint(f[0], bold) + strings.Repeat(" ", wide-utf8.RuneCountInString(f[0])+gap))
		for i, part := range term.Fold(value, max(p.width-wide-gap, 16)) {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", wide+gap))
			}
			b.WriteString(part + "\n")
		}
	}
	p.write(b.String())
}

// stateColour returns the colour of a request's state.
func stateColour(state string) colour {
	switch {
	case endedWell(state):
		return green
	case state == "in_doubt", state == "unresolved", state == "rejected":
		return red
	case state == "declined", state == "cancelled", state == "expired":
		return yellow
	}
	return noColour
}
