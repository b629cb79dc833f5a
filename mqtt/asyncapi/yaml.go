package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// writeYAML writes a tree as YAML that reads the same in version 1.1 and 1.2: objects and lists in blocks, and in
// quotes every string that is not a plain word or sentence. A double-quoted YAML string is a JSON string.
func writeYAML(b *strings.Builder, v any, indent string) error {
	switch v := v.(type) {
	case object:
		for i, m := range v {
			if i > 0 {
				b.WriteString(indent)
			}
			key, err := scalar(m.key)
			if err != nil {
				return err
			}
			b.WriteString(key + ":")
			if err := writeChild(b, m.value, indent); err != nil {
				return err
			}
		}
		return nil
	case []any:
		for i, item := range v {
			if i > 0 {
				b.WriteString(indent)
			}
			b.WriteString("- ")
			if short(item) {
				text, err := flow(item)
				if err != nil {
					return err
				}
				b.WriteString(text + "\n")
			} else if err := writeYAML(b, item, indent+"  "); err != nil {
				return err
			}
		}
		return nil
	}
	return fmt.Errorf("%T has no block of its own", v)
}

// writeChild writes what follows "key:".
func writeChild(b *strings.Builder, v any, indent string) error {
	if !short(v) {
		b.WriteString("\n" + indent + "  ")
		return writeYAML(b, v, indent+"  ")
	}
	if s, ok := v.(string); ok && strings.Contains(s, "\n\n") {
		paragraphs(b, s, indent+"  ")
		return nil
	}
	text, err := flow(v)
	if err != nil {
		return err
	}
	b.WriteString(" " + text + "\n")
	return nil
}

// paragraphs writes a text of several lines as it reads. No line of ours begins with a space, which would mean something.
func paragraphs(b *strings.Builder, s, indent string) {
	b.WriteString(" |-\n")
	for line := range strings.SplitSeq(s, "\n") {
		if line != "" {
			b.WriteString(indent + line)
		}
		b.WriteString("\n")
	}
}

// short reports whether a value stands in one line: a scalar, or a list of scalars.
func short(v any) bool {
	switch v := v.(type) {
	case object:
		return len(v) == 0
	case []any:
		return !slices.ContainsFunc(v, func(item any) bool {
			switch item.(type) {
			case object, []any:
				return true
			}
			return false
		})
	}
	return true
}

// flow writes what is short.
func flow(v any) (string, error) {
	switch v := v.(type) {
	case object:
		return "{}", nil
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			var err error
			if items[i], err = scalar(item); err != nil {
				return "", err
			}
			if s, ok := item.(string); ok && strings.ContainsAny(s, ",[]{}") {
				items[i] = quoted(s)
			}
		}
		return "[" + strings.Join(items, ", ") + "]", nil
	}
	return scalar(v)
}

// bare is what needs no quotes, unless YAML 1.1 takes it for something else than a string ("no" is false there).
var (
	bare    = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$./-]*( [A-Za-z0-9_$(][A-Za-z0-9_$./,;()-]*)*$`)
	special = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "null", nil
	case bool:
		return fmt.Sprint(v), nil
	case json.Number:
		return v.String(), nil
	case string:
		if bare.MatchString(v) && !special.MatchString(v) {
			return v, nil
		}
		return quoted(v), nil
	}
	return "", fmt.Errorf("%T is no scalar", v)
}

func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always encodes
	}
	return strings.TrimSuffix(b.String(), "\n")
}
