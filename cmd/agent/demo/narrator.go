package demo

import (
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"tillpost/internal/term"
)

// tone is what a line means to its reader; on a terminal it has a colour.
type tone string

const (
	plainly tone = ""
	well    tone = "32" // green
	waits   tone = "33" // yellow
	badly   tone = "31" // red
	loudly  tone = "1"  // bold
	softly  tone = "2"  // dim
)

// Who speaks. The column is as wide as the longest of them.
const (
	whoTill     = "till"
	whoTillpost = "tillpost"
	whoPayment  = "Front Payment"
	whoDisplay  = "display"
	whoPlug     = "network"
	whoTerminal = "terminal"
	whoStaff    = "staff"
)

const (
	narrowest = 36 // as on a phone
	// columnsFrom is the width from which the speaker has a column, and the summary too; below, a line.
	columnsFrom = 72
)

// narrator writes what happens, one line after the other. Its methods may be called at any time from any goroutine.
type narrator struct {
	width  int
	colour bool

	mu  sync.Mutex
	w   io.Writer
	err error // the first that writing brought
	// gone is called with that error, once.
	gone func(error)
}

func newNarrator(w io.Writer, width int, colour bool, gone func(error)) *narrator {
	return &narrator{w: w, width: max(width, narrowest), colour: colour, gone: gone}
}

// say writes what somebody does, now.
func (t *narrator) say(who, what string, how tone) {
	columns := 2 + 8 + 2 + len(whoPayment) + 2
	head := "  " + t.paint(softly, time.Now().Format(time.TimeOnly)) + "  " + who
	var b strings.Builder
	if t.narrow() {
		columns = 4
		b.WriteString(head + "\n")
		head = strings.Repeat(" ", columns)
	} else {
		head += strings.Repeat(" ", len(whoPayment)-len(who)) + "  "
	}
	lines := term.Wrap("", term.Printable(what), 0, t.width-columns)
	for _, line := range lines {
		b.WriteString(head + t.paint(how, line) + "\n")
		head = strings.Repeat(" ", columns)
	}
	t.write(b.String())
}

func (t *narrator) narrow() bool { return t.width < columnsFrom }

// title begins a scene.
func (t *narrator) title(text string) { t.write("\n" + t.lines(loudly, text)) }

// lines returns a text, broken if it is wider than the screen.
func (t *narrator) lines(how tone, text string) string {
	if utf8.RuneCountInString(text) <= t.width {
		return t.paint(how, text) + "\n"
	}
	var b strings.Builder
	for _, line := range term.Wrap("", text, 0, t.width) {
		b.WriteString(t.paint(how, line) + "\n")
	}
	return b.String()
}

// narrate writes the narrator's words as a paragraph.
func (t *narrator) narrate(text string) {
	t.write("  " + strings.Join(term.Wrap("", text, 0, t.width-2), "\n  ") + "\n")
}

// block writes lines as they are; none of them is broken, so that they can be copied.
func (t *narrator) block(lines ...string) {
	t.write(strings.Join(lines, "\n") + "\n")
}

func (t *narrator) write(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.err != nil {
		return
	}
	if _, t.err = io.WriteString(t.w, text); t.err != nil {
		t.gone(t.err)
	}
}

func (t *narrator) paint(how tone, text string) string {
	if !t.colour || how == plainly || text == "" {
		return text
	}
	return "\x1b[" + string(how) + "m" + text + "\x1b[0m"
}
