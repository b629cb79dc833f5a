package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"

	"go.yaml.in/yaml/v3"
)

// object is a JSON object that keeps the order of its members: what a reader sees first was put first by the writer.
// Other values are []any, string, bool, json.Number and nil.
type object []member

type member struct {
	key   string
	value any
}

// get returns the value of a member, nil if there is none.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// without returns the object without some of its members.
func (o object) without(keys ...string) object {
	return slices.DeleteFunc(slices.Clone(o), func(m member) bool { return slices.Contains(keys, m.key) })
}

// read reads a file that is one JSON value, which is YAML too.
func read(files fs.FS, name string) (any, error) {
	raw, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, err
	}
	var n yaml.Node
	if err := yaml.Unmarshal(raw, &n); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if n.Kind != yaml.DocumentNode || !json.Valid(raw) {
		return nil, fmt.Errorf("%s is not one JSON value", name)
	}
	return value(n.Content[0]), nil
}

func value(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		o := object{}
		for pair := range slices.Chunk(n.Content, 2) {
			o = append(o, member{pair[0].Value, value(pair[1])})
		}
		return o
	case yaml.SequenceNode:
		list := []any{}
		for _, item := range n.Content {
			list = append(list, value(item))
		}
		return list
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return n.Value == "true"
	case "!!int", "!!float":
		return json.Number(n.Value)
	}
	return n.Value
}
