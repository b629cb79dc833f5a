package message

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"tillpost/mqtt"
	"tillpost/mqtt/schema"
)

// validator holds the compiled schemas and the text of every subschema in them. It is safe for concurrent use.
type validator struct {
	schemas map[mqtt.Kind]*jsonschema.Schema
	// texts is keyed by the subschema's absolute location.
	texts map[string]schemaText
}

// schemaText holds our own annotations of a subschema.
type schemaText struct {
	must  string
	other string
	paths []string
	ref   string
}

// loadValidator can't fail in a build that was tested: the schemas are embedded.
var loadValidator = sync.OnceValues(newValidator)

func newValidator() (*validator, error) {
	v := &validator{schemas: make(map[mqtt.Kind]*jsonschema.Schema), texts: make(map[string]schemaText)}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	names, err := fs.Glob(schema.FS, "*.json")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		raw, err := schema.FS.ReadFile(name)
		if err != nil {
			return nil, err
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err == nil {
			err = compiler.AddResource(schema.Base+name, doc)
		}
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", name, err)
		}
		v.note(schema.Base+name, "", doc)
	}
	for _, k := range mqtt.Kinds() {
		if v.schemas[k], err = compiler.Compile(schema.Base + string(k) + ".json"); err != nil {
			return nil, fmt.Errorf("schema of kind %s: %w", k, err)
		}
	}
	return v, nil
}

// note stores the annotations of every part of a schema document.
func (v *validator) note(base, at string, part any) {
	switch part := part.(type) {
	case map[string]any:
		var text schemaText
		text.must, text.other = stringAt(part, "x-must"), stringAt(part, "x-other")
		if paths, ok := part["x-path"].([]any); ok {
			for _, p := range paths {
				s, _ := p.(string)
				text.paths = append(text.paths, s)
			}
		}
		if text.ref = stringAt(part, "$ref"); strings.HasPrefix(text.ref, "#") {
			text.ref = base + text.ref
		} else if text.ref != "" {
			text.ref = schema.Base + text.ref
		}
		v.texts[base+"#"+at] = text
		for key, child := range part {
			v.note(base, at+pointer(key), child)
		}
	case []any:
		for i, child := range part {
			v.note(base, fmt.Sprintf("%s/%d", at, i), child)
		}
	}
}

// must returns in words what the subschema at a location demands, its own or those of the one it refers to.
func (v *validator) must(location string) string {
	for range 8 {
		text := v.texts[location]
		if text.must != "" || text.ref == "" {
			return text.must
		}
		location = text.ref
	}
	return ""
}

// validate adds the faults that the kind's schema finds in a value.
func (v *validator) validate(k mqtt.Kind, value any, f *faults) {
	err := v.schemas[k].Validate(value)
	if invalid, ok := errors.AsType[*jsonschema.ValidationError](err); ok {
		v.collect(invalid, f)
	} else if err != nil {
		f.add("", "can't be checked against the schema of its kind")
	}
}

// collect turns the library's tree of errors into faults of ours. Its own messages echo values and point at the parent
// of what is missing, so none of them is used. Where a part of the schema has words of its own, they stand for all
// errors under it: why each branch of a oneOf fails helps nobody.
func (v *validator) collect(e *jsonschema.ValidationError, f *faults) {
	at := pointer(e.InstanceLocation...)
	text := v.texts[e.SchemaURL]
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf:
		v.descend(e, f)
	case *kind.Reference:
		if text.must == "" {
			v.descend(e, f)
			return
		}
		f.add(at, mustSentence(text.must))
	case *kind.Required:
		for _, key := range k.Missing {
			f.add(at+pointer(key), missingSentence(v.must(e.SchemaURL+"/properties/"+key)))
		}
	case *kind.AdditionalProperties:
		for _, key := range k.Properties {
			f.add(at+pointer(key), mustSentence(cmp.Or(text.other, "be left out: no such key is known here")))
		}
	case *kind.OneOf:
		f.add(at+choicePath(text.paths, len(k.Subschemas) > 0), mustSentence(text.must))
	default:
		f.add(at, mustSentence(v.must(e.SchemaURL)))
	}
}

func (v *validator) descend(e *jsonschema.ValidationError, f *faults) {
	for _, cause := range e.Causes {
		v.collect(cause, f)
	}
}

// choicePath returns the member at which a failed oneOf points: the first of its
// members when none is there, the last when too many are.
func choicePath(paths []string, several bool) string {
	switch {
	case len(paths) == 0:
		return ""
	case several:
		return paths[len(paths)-1]
	}
	return paths[0]
}

func mustSentence(must string) string {
	if must == "" {
		return "is not as the schema of its kind demands"
	}
	return "must " + must
}

func missingSentence(must string) string {
	if must == "" {
		return "is missing or null"
	}
	return "is missing or null; it must " + must
}

// objectAt follows keys into nested objects; it returns nil where one of them is not an object or not there.
func objectAt(v any, keys ...string) map[string]any {
	object, _ := v.(map[string]any)
	for _, key := range keys {
		object, _ = object[key].(map[string]any)
	}
	return object
}
