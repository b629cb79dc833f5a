package main

import (
	"encoding/json"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tillpost/mqtt/schema"
)

// compileBoth compiles the schemas as the document has them, and as our files have them.
func compileBoth(t *testing.T) (published, original func(c channel) *jsonschema.Schema) {
	t.Helper()
	ours := jsonschema.NewCompiler()
	ours.DefaultDraft(jsonschema.Draft2020)
	ours.AssertFormat()
	for _, in := range []fs.FS{schema.FS, schema.Outgoing} {
		err := fs.WalkDir(in, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			f, err := in.Open(name)
			if err != nil {
				return err
			}
			defer f.Close()
			doc, err := jsonschema.UnmarshalJSON(f)
			if err != nil {
				return err
			}
			return ours.AddResource(schema.Base+name, doc)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	theirs := jsonschema.NewCompiler()
	theirs.DefaultDraft(jsonschema.Draft7)
	theirs.AssertFormat()
	if err := theirs.AddResource("mem:doc", made(t)); err != nil {
		t.Fatal(err)
	}
	compile := func(c *jsonschema.Compiler, where string) *jsonschema.Schema {
		s, err := c.Compile(where)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	published = func(c channel) *jsonschema.Schema { return compile(theirs, "mem:doc#/components/schemas/"+c.payload) }
	original = func(c channel) *jsonschema.Schema {
		if c.incoming {
			return compile(ours, schema.Base+c.message+".json")
		}
		return compile(ours, schema.Base+"outgoing/"+c.payload+".json")
	}
	return published, original
}

// TestSameVerdicts damages each example in every place and way, and wants the same verdict of the published schema as
// of the one that the agent checks by: nothing was lost between the two drafts.
func TestSameVerdicts(t *testing.T) {
	t.Parallel()
	published, original := compileBoth(t)
	for _, c := range channels {
		p, o := published(c), original(c)
		passed, refused := 0, 0
		files, err := fs.Glob(examples, "examples/"+c.message+"*.json")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			raw, err := examples.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			example, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
			if err != nil {
				t.Fatal(err)
			}
			if err := o.Validate(example); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			damaged(example, func(v any, what string) {
				ours, theirs := o.Validate(v), p.Validate(v)
				if (ours == nil) != (theirs == nil) {
					t.Errorf("%s with %s: the agent says %v, the document %v", file, what, ours, theirs)
				}
				if ours == nil {
					passed++
				} else {
					refused++
				}
			})
		}
		if passed == 0 || refused == 0 {
			t.Errorf("%s: %d passed, %d refused: nothing is tried", c.message, passed, refused)
		}
	}
}

// damaged calls try with variants of a value: as it is, and with each member gone, each value replaced by several
// others, and a stranger in each object.
func damaged(v any, try func(v any, what string)) {
	try(v, "nothing changed")
	for _, other := range []any{nil, true, "", "x y", "42.00", "2026-11-20T12:00:00.000Z", json.Number("-1"), json.Number("12"), json.Number("0.125"), []any{}, map[string]any{}} {
		try(other, "another value")
	}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range append(slices.Sorted(maps.Keys(v)), "stranger", "orderUuid", "waiting") {
			less := maps.Clone(v)
			delete(less, key)
			try(less, "no "+key)
			damaged(v[key], func(other any, what string) {
				changed := maps.Clone(v)
				changed[key] = other
				try(changed, key+": "+what)
			})
		}
	case []any:
		for i := range v {
			damaged(v[i], func(other any, what string) {
				changed := slices.Clone(v)
				changed[i] = other
				try(changed, "an item: "+what)
			})
		}
	}
}
