package main

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// table is rows under heads. On a terminal it is as wide as that, in a pipe it is tab-separated.
type table struct {
	columns []column
	rows    [][]string
}

// column is one of a table's. Cells that don't fit are cut, the widest first; a column that gives way is left out where
// that is not enough, the last one first.
type column struct {
	head     string
	right    bool // as numbers are
	givesWay bool
	paint    func(cell string) colour
}

func (t *table) add(cells ...string) {
	for i := range cells {
		cells[i] = plain(cells[i])
	}
	t.rows = append(t.rows, cells)
}

// colour is what a terminal is told before a text; none is "".
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
}

func newPaper(w io.Writer) *paper {
	width := terminalWidth(w)
	_, no := os.LookupEnv("NO_COLOR")
	return &paper{w: w, width: width, coloured: width > 0 && (!no || os.Getenv("NO_COLOR") == "")}
}

func (p *paper) write(text string) error {
	_, err := io.WriteString(p.w, text)
	return err
}

func (p *paper) paint(text string, c colour) string {
	if !p.coloured || c == noColour {
		return text
	}
	return string(c) + text + asBefore
}

// table writes a table.
func (p *paper) table(t table) error {
	var b strings.Builder
	if p.width == 0 {
		heads := make([]string, len(t.columns))
		for i, c := range t.columns {
			heads[i] = c.head
		}
		for _, row := range append([][]string{heads}, t.rows...) {
			b.WriteString(strings.Join(row, "\t") + "\n")
		}
		return p.write(b.String())
	}
	widths := t.fit(p.width)
	line := func(row []string, head bool) {
		var cells []string
		for i, c := range t.columns {
			if widths[i] == 0 {
				continue
			}
			cell := shorten(row[i], widths[i])
			paint := noColour
			if head {
				paint = bold
			} else if c.paint != nil {
				paint = c.paint(row[i])
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if c.right {
				cells = append(cells, pad+p.paint(cell, paint))
			} else {
				cells = append(cells, p.paint(cell, paint)+pad)
			}
		}
		b.WriteString(strings.TrimRight(strings.Join(cells, "  "), " ") + "\n")
	}
	heads := make([]string, len(t.columns))
	for i, c := range t.columns {
		heads[i] = c.head
	}
	line(heads, true)
	for _, row := range t.rows {
		line(row, false)
	}
	return p.write(b.String())
}

const (
	// least is what a column keeps before others are left out.
	least = 8
	gap   = 2
)

// fit shares a width out among the columns; 0 is for one that is left out.
func (t table) fit(width int) []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = utf8.RuneCountInString(c.head)
		for _, row := range t.rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
	}
	for {
		over := -gap - width
		widest := -1
		for i, w := range widths {
			if w == 0 {
				continue
			}
			over += w + gap
			if w > least && !t.columns[i].right && (widest < 0 || w > widths[widest]) {
				widest = i
			}
		}
		if over <= 0 {
			return widths
		}
		if widest >= 0 {
			widths[widest]--
			continue
		}
		if !t.leaveOut(widths) {
			return widths // numbers are not cut; the terminal breaks the line
		}
	}
}

// leaveOut takes the last column out that gives way.
func (t table) leaveOut(widths []int) bool {
	for i := len(widths) - 1; i >= 0; i-- {
		if t.columns[i].givesWay && widths[i] > 0 {
			widths[i] = 0
			return true
		}
	}
	return false
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
func (p *paper) facts(list [][2]string) error {
	var b strings.Builder
	wide := 0
	for _, f := range list {
		wide = max(wide, utf8.RuneCountInString(f[0]))
	}
	for _, f := range list {
		value := plain(f[1])
		if p.width == 0 {
			b.WriteString(f[0] + "\t" + value + "\n")
			continue
		}
		b.WriteString(p.paint(f[0], bold) + strings.Repeat(" ", wide-utf8.RuneCountInString(f[0])+gap))
		for i, part := range fold(value, max(p.width-wide-gap, 16)) {
			if i > 0 {
				b.WriteString(strings.Repeat(" ", wide+gap))
			}
			b.WriteString(part + "\n")
		}
	}
	return p.write(b.String())
}

// fold breaks a text into lines of at most that width, between words where there are some.
func fold(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		for utf8.RuneCountInString(word) > width {
			runes := []rune(word)
			if line != "" {
				lines, line = append(lines, line), ""
			}
			lines, word = append(lines, string(runes[:width])), string(runes[width:])
		}
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// stateColour is that of a request's state.
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
