package main

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// writeYAML writes a tree as YAML that reads the same in version 1.1 and 1.2: objects and lists in blocks, lists of
// scalars in one line, and in quotes every string that is not a plain word or sentence.
func writeYAML(w io.Writer, v any) error {
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(node(v)); err != nil {
		return err
	}
	return e.Close()
}

func node(v any) *yaml.Node {
	switch v := v.(type) {
	case object:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, m := range v {
			n.Content = append(n.Content, text(m.key), node(m.value))
		}
		return n
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		if !slices.ContainsFunc(v, nested) {
			n.Style = yaml.FlowStyle
		}
		for _, item := range v {
			value := node(item)
			if n.Style == yaml.FlowStyle && strings.ContainsAny(value.Value, ",[]{}") {
				value.Style = yaml.DoubleQuotedStyle
			}
			n.Content = append(n.Content, value)
		}
		return n
	case string:
		return text(v)
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)} // a bool or json.Number
}

func nested(v any) bool {
	switch v.(type) {
	case object, []any:
		return true
	}
	return false
}

// bare is what needs no quotes, unless YAML 1.1 takes it for something else than a string ("no" is false there), which
// nodes don't mind.
var (
	bare    = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$./-]*( [A-Za-z0-9_$(][A-Za-z0-9_$./,;()-]*)*$`)
	special = regexp.MustCompile(`(?i)^(y|n|yes|no|on|off|true|false|null)$`)
)

func text(s string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s}
	switch {
	case strings.Contains(s, "\n\n"):
		n.Style = yaml.LiteralStyle
	case !bare.MatchString(s) || special.MatchString(s):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}
