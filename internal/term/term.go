// Package term writes for people at a terminal: text from elsewhere made safe for it, and broken to its width. Widths are
// in characters.
package term

import (
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/term"
)

// Width returns how many characters fit into a line, 0 if w is no terminal.
func Width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// Printable returns text with a dot for each character that could play with a screen; line breaks are among them.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '·'
	}, text)
}

// OneLine joins the lines of a text.
func OneLine(text string) string {
	var parts []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			parts = append(parts, line)
		}
	}
	return strings.Join(parts, "; ")
}

// Wrap breaks text at its spaces into lines of at most width characters: the first begins with head, the others with
// indent spaces. A word that is longer than a line, such as a path, has a line of its own, so that it can be copied.
// There is always at least one line, and none ends in a space.
func Wrap(head, text string, indent, width int) []string {
	var lines []string
	margin := strings.Repeat(" ", indent)
	line, used := head, utf8.RuneCountInString(head)
	fresh := true // nothing but the head, or the margin, is in the line
	for word := range strings.FieldsSeq(text) {
		n := utf8.RuneCountInString(word)
		if !fresh {
			n++ // the gap before it
		}
		if used+n > width && line != margin {
			lines = append(lines, strings.TrimRight(line, " "))
			line, used, fresh = margin, indent, true
			n = utf8.RuneCountInString(word)
		}
		if !fresh {
			line += " "
		}
		line, used, fresh = line+word, used+n, false
	}
	return append(lines, strings.TrimRight(line, " "))
}

// Fold breaks text into lines of at most width characters, which must be positive; a longer word is cut.
func Fold(text string, width int) []string {
	var words []string
	for word := range strings.FieldsSeq(text) {
		for part := range slices.Chunk([]rune(word), width) {
			words = append(words, string(part))
		}
	}
	return Wrap("", strings.Join(words, " "), 0, width)
}
