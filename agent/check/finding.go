package check

import (
	"fmt"
	"io"
	"strings"

	"tillpost/internal/term"
)

// Level says how much a finding matters.
type Level uint8

const (
	// LevelOK: as it should be.
	LevelOK Level = iota + 1
	// LevelWarn: it works, but somebody should know, or it could not be looked into.
	LevelWarn
	// LevelFail: tillpost can't do its work, or can't keep its promises.
	LevelFail
)

var levels = map[Level]string{LevelOK: "ok", LevelWarn: "warn", LevelFail: "FAIL"}

// String returns the level for a person; only a failure is in capitals.
func (l Level) String() string { return levels[l] }

// MarshalText returns the level for a program: "ok", "warn" or "fail".
func (l Level) MarshalText() ([]byte, error) { return []byte(strings.ToLower(l.String())), nil }

// Finding is one line of a check. It holds neither secrets nor personal data, and no control characters.
type Finding struct {
	// Subject is one word, such as "broker". A subject may have several findings, one after the other.
	Subject string `json:"subject"`
	Level   Level  `json:"level"`
	// Text says what was found.
	Text string `json:"text"`
	// Fix says what to do; set for every failure, and for a warning where something can be done.
	Fix string `json:"fix,omitempty"`
}

const (
	// levelColumn and subjectColumn are the widths of the first two columns, with the gap behind them.
	levelColumn, subjectColumn = 6, 11
	// narrow is the width below which the words get a line's whole width but for the level's column: a phone.
	narrow = 64
	least  = 24
)

// Write writes the finding for a person. Without a width it is one line, for grep; otherwise it is broken into lines of
// at most width characters, the further ones indented.
func (f Finding) Write(w io.Writer, width int) error {
	words := f.Text
	if f.Fix != "" {
		words += "; " + f.Fix
	}
	head := fmt.Sprintf("%-*s%-*s", levelColumn, f.Level, subjectColumn, f.Subject)
	if width <= 0 {
		_, err := fmt.Fprintln(w, head+words)
		return err
	}
	indent := levelColumn + subjectColumn
	if width < narrow {
		indent = levelColumn
	}
	_, err := fmt.Fprintln(w, strings.Join(term.Wrap(head, words, indent, max(width, least)), "\n"))
	return err
}

// clean returns a text that may come from elsewhere as one that is safe in a line on a screen.
func clean(s string) string { return term.Printable(term.OneLine(s)) }

type findings struct {
	subject string
	list    []Finding
}

func about(subject string) *findings { return &findings{subject: subject} }

func (fs *findings) add(l Level, fix, text string) {
	fs.list = append(fs.list, Finding{Subject: fs.subject, Level: l, Text: clean(text), Fix: clean(fix)})
}

func (fs *findings) ok(format string, args ...any) { fs.add(LevelOK, "", fmt.Sprintf(format, args...)) }

func (fs *findings) warn(fix, format string, args ...any) {
	fs.add(LevelWarn, fix, fmt.Sprintf(format, args...))
}

func (fs *findings) fail(fix, format string, args ...any) {
	fs.add(LevelFail, fix, fmt.Sprintf(format, args...))
}

// done returns the findings, with all that is well in one line before the rest.
func (fs *findings) done() []Finding {
	var well []string
	var rest []Finding
	for _, f := range fs.list {
		if f.Level == LevelOK {
			well = append(well, f.Text)
		} else {
			rest = append(rest, f)
		}
	}
	if len(well) == 0 {
		return rest
	}
	return append([]Finding{{Subject: fs.subject, Level: LevelOK, Text: strings.Join(well, "; ")}}, rest...)
}
