package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// notUTF8 returns the fault of a file in another encoding, as some editors write it; false if there is none.
func notUTF8(data []byte) (Fault, bool) {
	const want = "save it as UTF-8"
	halves := len(data) > 1 && (data[0] == 0) != (data[1] == 0) // of ASCII, one byte of each two is 0
	if halves || bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return Fault{Line: 1, Column: 1, Problem: "the file is in UTF-16, as an editor on Windows may save it", Want: want}, true
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if at := bytes.IndexFunc(line, func(r rune) bool { return r == utf8.RuneError }); at >= 0 && !utf8.Valid(line) {
			return Fault{Line: i + 1, Column: at + 1, Problem: "a character is not in UTF-8", Want: want}, true
		}
	}
	return Fault{}, false
}

// notTOML returns an error with the position where a document stops being TOML.
// Only the first such position is known: what follows it has no certain meaning.
func notTOML(name string, data []byte, err error) error {
	f := Fault{Line: 1, Column: 1, Problem: strings.TrimPrefix(err.Error(), "toml: ")}
	if at, ok := errors.AsType[*toml.DecodeError](err); ok {
		f.Line, f.Column = at.Position()
	}
	switch key := unquoted(data, f.Line); {
	case key != "":
		f.Problem, f.Want = "the quotes are missing", "texts and durations are written in quotes: "+key+` = "…"`
	case strings.HasSuffix(f.Problem, "at start of value"):
		f.Want = "texts and durations are written in quotes"
	case strings.Contains(f.Problem, "already"):
		f.Want = "keep it once"
	}
	return &Error{File: name, Faults: []Fault{f}}
}

// bareKeys are dotted keys without quotes, before the equals sign.
var bareKeys = regexp.MustCompile(`^[ \t]*([A-Za-z0-9_-]+(?:[ \t]*\.[ \t]*[A-Za-z0-9_-]+)*)[ \t]*=[ \t]*(.*)$`)

// unquoted returns the key of a line whose value would be valid TOML in quotes, and is not without; else "".
func unquoted(data []byte, line int) string {
	all := bytes.Split(data, []byte("\n"))
	if line < 1 || line > len(all) {
		return ""
	}
	parts := bareKeys.FindStringSubmatch(strings.TrimRight(string(all[line-1]), " \t\r"))
	if len(parts) < 3 || parts[2] == "" || strings.ContainsAny(parts[2][:1], "\"'[{#") {
		return ""
	}
	value, _, _ := strings.Cut(parts[2], " #")
	var doc map[string]any
	bare := toml.Unmarshal([]byte("v = "+value), &doc)
	quoted := toml.Unmarshal(fmt.Appendf(nil, "v = %q", strings.TrimSpace(value)), &doc)
	if bare == nil || quoted != nil || strings.Contains(value, `"`) {
		return ""
	}
	return parts[1]
}
