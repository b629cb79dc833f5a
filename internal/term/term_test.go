package term

import (
	"bytes"
	"os"
	"slices"
	"testing"
)

func TestWrap(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		head, text    string
		indent, width int
		want          []string
	}{
		{"", "", 0, 10, []string{""}},
		{"", "one two  three\nfour", 0, 8, []string{"one two", "three", "four"}},
		{"", "kjøp på øy", 0, 7, []string{"kjøp på", "øy"}},
		{"", "a /path/that/is/long b", 0, 8, []string{"a", "/path/that/is/long", "b"}},
		{"", "/path/that/is/long b", 0, 8, []string{"/path/that/is/long", "b"}},
		{"ok   ", "one two", 5, 9, []string{"ok   one", "     two"}},
		{"ok   ", "", 5, 9, []string{"ok"}},
		{"ok  a subject  ", "one two", 4, 12, []string{"ok  a subject", "    one two"}},
		{"ok  ", "/path/that/is/long b", 4, 8, []string{"ok", "    /path/that/is/long", "    b"}},
	} {
		if got := Wrap(tt.head, tt.text, tt.indent, tt.width); !slices.Equal(got, tt.want) {
			t.Errorf("%q behind %q: %q, want %q", tt.text, tt.head, got, tt.want)
		}
	}
}

func TestFold(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":             {""},
		"one two":      {"one", "two"},
		"a b c":        {"a b", "c"},
		"øåæøåæø x":    {"øåæø", "åæø", "x"},
		"a abcdefgh b": {"a", "abcd", "efgh", "b"},
	} {
		if got := Fold(text, 4); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTextFromElsewhere(t *testing.T) {
	t.Parallel()
	if got := Printable("\x1b[31mrødt\t\r\n\u202e\u00a0\xff"); got != "·[31mrødt·····\ufffd" {
		t.Errorf("%q", got)
	}
	if got := OneLine("\n one \n\r\n two\n"); got != "one; two" {
		t.Errorf("%q", got)
	}
}

func TestNoTerminalHasNoWidth(t *testing.T) {
	t.Parallel()
	f, err := os.Create(t.TempDir() + "/f")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n := Width(f); n != 0 {
		t.Errorf("a file is %d wide", n)
	}
	if n := Width(&bytes.Buffer{}); n != 0 {
		t.Errorf("memory is %d wide", n)
	}
}
