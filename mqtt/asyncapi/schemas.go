package main

import (
	"fmt"
	"io/fs"
	"path"
	"strings"

	"tillpost/mqtt/schema"
)

// components turns our schema files into one flat set of AsyncAPI schemas, which are those of JSON Schema draft 7: each
// file and each of its $defs becomes a component of its own, and references point there.
func components() (object, error) {
	var all object
	for _, in := range []struct {
		files fs.FS
		glob  string
	}{{schema.FS, "*.json"}, {schema.Outgoing, "outgoing/*.json"}} {
		names, err := fs.Glob(in.files, in.glob)
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			doc, err := read(in.files, name)
			if err != nil {
				return nil, err
			}
			file, ok := doc.(object)
			if !ok {
				return nil, fmt.Errorf("%s is no object", name)
			}
			added, err := fileComponents(name, file)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			all = append(all, added...)
		}
	}
	seen := map[string]bool{}
	for _, m := range all {
		if seen[m.key] {
			return nil, fmt.Errorf("two schemas would be called %s", m.key)
		}
		seen[m.key] = true
	}
	return all, nil
}

// fileComponents returns the schemas of one file: itself, unless it only holds what others share, and its $defs.
func fileComponents(name string, file object) (object, error) {
	parts, _ := file.get("$defs").(object)
	if path.Base(name) != "common.json" {
		parts = append(object{{"", file.without("$schema", "$id", "$defs")}}, parts...)
	}
	var all object
	for _, part := range parts {
		turned, err := downgrade(name, part.value)
		if err != nil {
			return nil, err
		}
		all = append(all, member{componentName(name, part.key), turned})
	}
	return all, nil
}

// componentName returns what a schema file, or one of its $defs, is called in the document: "orderRequest" and "orderProduct"
// of order.json, "status" and "statusWaiting" of outgoing/status.json, and what is shared by its own name. An amount
// that a till asks for and one that the agent publishes have different forms.
func componentName(file, def string) string {
	base := strings.TrimSuffix(path.Base(file), ".json")
	outgoing := strings.HasPrefix(file, "outgoing/")
	switch {
	case def == "" && outgoing:
		return base
	case def == "":
		return base + "Request"
	case base == "common" && outgoing && def == "amount":
		return "money"
	case base == "common", def == base:
		return def
	}
	return base + strings.ToUpper(def[:1]) + def[1:]
}

// downgrade turns a schema of draft 2020-12 into one of draft 7, where members beside a $ref are ignored. The keywords
// that we use mean the same in both.
func downgrade(file string, v any) (any, error) {
	switch v := v.(type) {
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			var err error
			if list[i], err = downgrade(file, item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case object:
		out := object{}
		for _, m := range v {
			ref, isRef := m.value.(string)
			if m.key != "$ref" || !isRef {
				value, err := downgrade(file, m.value)
				if err != nil {
					return nil, err
				}
				out = append(out, member{m.key, value})
				continue
			}
			target, err := reference(file, ref)
			if err != nil {
				return nil, err
			}
			if len(v) == 1 {
				return target, nil
			}
			if v.get("allOf") != nil {
				return nil, fmt.Errorf("%s stands beside an allOf", ref)
			}
			out = append(out, member{"allOf", []any{target}})
		}
		return out, nil
	}
	return v, nil
}

// reference points at the component for a reference of a file, like "common.json#/$defs/id".
func reference(file, ref string) (object, error) {
	to, def, ok := strings.Cut(ref, "#/$defs/")
	if !ok || strings.Contains(def, "/") {
		return nil, fmt.Errorf("%s is no reference to one of a file's $defs", ref)
	}
	if to == "" {
		to = file
	} else {
		to = path.Join(path.Dir(file), to)
	}
	return object{{"$ref", "#/components/schemas/" + componentName(to, def)}}, nil
}
