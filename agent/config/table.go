package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// reader collects the faults of one document.
type reader struct {
	positions positions
	faults    []Fault
	// bad holds the keys with a fault, so that rules between keys are not applied to a default in place of a bad value.
	bad    map[string]bool
	tables []*table
}

// fault adds what is wrong with the value of a key.
func (r *reader) fault(path, problem, want string) {
	at, found := r.positions.at[path]
	for up := path; !found && up != ""; {
		up = up[:max(strings.LastIndexByte(up, '.'), 0)] // the table that holds it
		at, found = r.positions.at[up]
	}
	r.faultAt(at.value, path, problem, want)
}

// faultAtKey adds that a key itself is wrong.
func (r *reader) faultAtKey(path, problem, want string) {
	r.faultAt(r.positions.at[path].key, path, problem, want)
}

func (r *reader) faultAt(offset int, path, problem, want string) {
	line, column := r.positions.lineColumn(offset)
	r.bad[path] = true
	r.faults = append(r.faults, Fault{Line: line, Column: column, Key: path, Problem: problem, Want: want})
}

// table is one table of the document. Reading a key makes it known; keys that were never read are the unknown ones.
type table struct {
	r      *reader
	path   string
	values map[string]any
	known  []string
	// present is false for a table that the file does not have; broken reports whether the file has something else
	// under that name, so that its keys, missing for that reason alone, are not reported as missing.
	present, broken bool
	// open tables are passed on to the API: an unknown key is refused only if it looks like a slip of the pen.
	open bool
}

func (t *table) table(key string) *table {
	sub := &table{r: t.r, path: join(t.path, key), broken: t.broken}
	if v, found := t.get(key); found {
		sub.values, sub.present = v.(map[string]any)
		if !sub.present {
			sub.broken = true
			t.r.fault(sub.path, "is "+typeName(v), "must be a table: write ["+sub.path+"]")
		}
	}
	t.r.tables = append(t.r.tables, sub)
	return sub
}

func (t *table) get(key string) (any, bool) {
	t.known = append(t.known, key)
	v, found := t.values[key]
	return v, found
}

// missing reports that a required key is not there.
func (t *table) missing(key, want string) {
	if path := join(t.path, key); !t.broken && !t.r.bad[path] {
		t.r.fault(path, "is missing", want)
	}
}

// as reads a value of type T. It returns false, and leaves into alone, where the file has none or something else.
func as[T any](t *table, key string, into *T, want string) bool {
	v, found := t.get(key)
	if !found {
		return false
	}
	value, right := v.(T)
	if !right {
		t.r.fault(join(t.path, key), "is "+typeName(v), "must be "+want)
		return false
	}
	*into = value
	return true
}

// rule checks a text. It returns "" or what is wrong, and what would be right.
type rule func(value string) (problem, want string)

// text reads a text and returns whether the file has one there that passes.
func (t *table) text(key string, into *string, rules ...rule) bool {
	var value string
	if !as(t, key, &value, "a text in quotes") {
		return false
	}
	if !t.passes(join(t.path, key), value, rules) {
		return false
	}
	*into = value
	return true
}

// passes reports whether a text keeps to the rules, and adds the first fault.
func (t *table) passes(path, value string, rules []rule) bool {
	for _, rule := range rules {
		if problem, want := rule(value); problem != "" {
			t.r.fault(path, problem, want)
			return false
		}
	}
	return true
}

// texts reads a list of texts and returns those that pass. want says what the list should be, name is the key there.
func (t *table) texts(key, name, want string, rules ...rule) (passed []string) {
	var list []any
	as(t, key, &list, want)
	for i, v := range list {
		path := join(t.path, key) + "[" + strconv.Itoa(i) + "]"
		text, isText := v.(string)
		if !isText {
			t.r.fault(path, "is "+typeName(v), name+" must be "+want)
		} else if t.passes(path, text, rules) {
			passed = append(passed, text)
		}
	}
	return passed
}

// idle reports those of some keys that the file has, as ones without effect.
func (t *table) idle(problem, want string, keys ...string) {
	for _, key := range keys {
		if _, set := t.values[key]; set {
			t.r.fault(join(t.path, key), problem, want)
		}
	}
}

// duration reads a duration of more than zero.
func (t *table) duration(key string, into *time.Duration) {
	t.durationFrom(1, key, into)
}

// durationFrom reads a duration of least or more.
func (t *table) durationFrom(least time.Duration, key string, into *time.Duration) {
	path := join(t.path, key)
	var text string
	if !as(t, key, &text, `a duration in quotes, such as "10m" or "1h30m"`) {
		return
	}
	value, err := time.ParseDuration(text)
	switch {
	case err != nil:
		t.r.fault(path, strconv.Quote(text)+" is not a duration", `write a number and a unit (ms, s, m or h), such as "10m" or "1h30m"`)
	case value < 0 && least == 0:
		t.r.fault(path, strconv.Quote(text)+" is less than zero", `write a duration such as "10m", or "0s"`)
	case value < least && least > 1:
		t.r.fault(path, strconv.Quote(text)+" is less than "+shortDuration(least), `write at least that, such as "`+shortDuration(*into)+`"`)
	case value < least:
		t.r.fault(path, strconv.Quote(text)+" is not more than zero", `write a duration such as "`+shortDuration(*into)+`"`)
	default:
		*into = value
	}
}

// unknown adds a fault for every key that was never read.
func (r *reader) unknown() {
	for _, t := range r.tables {
		for _, key := range slices.Sorted(maps.Keys(t.values)) {
			if !slices.Contains(t.known, key) && (!t.open || isSlip(key, t.known)) {
				r.faultAtKey(join(t.path, key), "is not a known key", r.suggestion(t, key))
			}
		}
	}
}

// suggestion returns which key of the same table, or of another one, an unknown key was probably meant to be.
func (r *reader) suggestion(t *table, key string) string {
	if name := suggest(key, t.known); name != "" {
		return "did you mean " + join(t.path, name) + "?"
	}
	for _, other := range r.tables {
		for _, name := range other.known {
			if other != t && plain(name) == plain(key) {
				return "did you mean " + join(other.path, name) + "?"
			}
		}
	}
	if t.path == "" {
		return "known here: " + strings.Join(t.known, ", ")
	}
	return "known in [" + t.path + "]: " + strings.Join(t.known, ", ")
}

// typeName returns the words for a value's type, in a fault.
func typeName(v any) string {
	switch v.(type) {
	case string:
		return "a text"
	case int64:
		return "a whole number"
	case float64:
		return "a decimal number"
	case bool:
		return "a boolean"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	case time.Time, toml.LocalDate, toml.LocalTime, toml.LocalDateTime:
		return "a date or time"
	}
	return "of another type"
}
