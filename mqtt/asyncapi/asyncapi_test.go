package main

import (
	"compress/gzip"
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

const file = "../../docs/asyncapi.yaml"

var update = flag.Bool("update", false, "write "+file+" again")

// TestFile holds the published document to the schemas.
func TestFile(t *testing.T) {
	t.Parallel()
	want, err := render()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the schemas make of it; run make docs", file)
	}
}

// made returns the document as encoding/json would read it.
func made(t *testing.T) map[string]any {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	m, ok := plain(doc).(map[string]any)
	if !ok {
		t.Fatal("the document is no object")
	}
	return m
}

// plain returns the value as encoding/json would have read it, the order of members lost.
func plain(v any) any {
	switch v := v.(type) {
	case object:
		m := make(map[string]any, len(v))
		for _, member := range v {
			m[member.key] = plain(member.value)
		}
		return m
	case []any:
		list := make([]any, len(v))
		for i, item := range v {
			list[i] = plain(item)
		}
		return list
	}
	return v
}

// TestIsAsyncAPI checks the document by the schema that the AsyncAPI Initiative publishes, which is what its own parser
// does; the parser is 140 npm packages, too much to fetch for each change.
func TestIsAsyncAPI(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/asyncapi-3.0.0.schema.json.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := jsonschema.UnmarshalJSON(z)
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft7)
	if err := compiler.AddResource("mem:asyncapi", rules); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("mem:asyncapi")
	if err != nil {
		t.Fatal(err)
	}
	doc := made(t)
	if err := s.Validate(doc); err != nil {
		t.Errorf("%v", err)
	}
	for _, broken := range []func(doc map[string]any){
		func(doc map[string]any) { delete(doc, "info") },
		func(doc map[string]any) { at(t, doc, "operations", "sendStatus")["action"] = "publish" },
		func(doc map[string]any) { at(t, doc, "channels", "orders")["colour"] = "red" },
		func(doc map[string]any) { at(t, doc, "components", "schemas", "status")["type"] = "odd" },
	} {
		doc := made(t)
		broken(doc)
		if s.Validate(doc) == nil {
			t.Error("a broken document passes")
		}
	}
}

func at(t *testing.T, doc map[string]any, keys ...string) map[string]any {
	t.Helper()
	for _, key := range keys {
		next, ok := doc[key].(map[string]any)
		if !ok {
			t.Fatalf("%v is not there", keys)
		}
		doc = next
	}
	return doc
}

// TestReferences follows every reference to something that is there, and wants every component used.
func TestReferences(t *testing.T) {
	t.Parallel()
	doc, used := made(t), map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			if to, ok := v["$ref"].(string); ok {
				used[to] = true
				at(t, doc, strings.Split(strings.TrimPrefix(to, "#/"), "/")...)
			}
			for _, item := range v {
				walk(item)
			}
		}
	}
	walk(doc)
	for _, group := range []string{"parameters", "messages", "schemas"} {
		for name := range at(t, doc, "components", group) {
			if !used["#/components/"+group+"/"+name] {
				t.Errorf("%s %s is not used", group, name)
			}
		}
	}
}

// TestTopics holds the channels to the topics that the code uses.
func TestTopics(t *testing.T) {
	t.Parallel()
	topics := mqtt.Topics{Prefix: "{prefix}"}
	const uuid = "{terminalUuid}"
	want := map[string]string{
		"status": topics.Status(uuid, "{requestId}"), "display": topics.Display(uuid), "terminals": topics.Terminals(),
		"agent": topics.Agent(), "rejects": topics.Rejects(),
	}
	for _, k := range mqtt.Kinds() {
		want[k.Segment()] = topics.Request(uuid, k)
	}
	for _, c := range channels {
		if want[c.name] != c.address {
			t.Errorf("channel %s is %s, want %q", c.name, c.address, want[c.name])
		}
		delete(want, c.name)
	}
	if len(want) > 0 {
		t.Errorf("no channel for %v", want)
	}
}

// TestRequestsPass brings the examples of requests to the door.
func TestRequestsPass(t *testing.T) {
	t.Parallel()
	topics := mqtt.Topics{Prefix: "tillpost"}
	rules := message.Rules{Now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), ClockKnown: true}
	for _, k := range mqtt.Kinds() {
		files, err := fs.Glob(examples, "examples/"+string(k)+"*.json")
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %v %v", k, files, err)
		}
		for _, file := range files {
			raw, err := examples.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, why := message.Decode(topics, topics.Request("TRML1000000001", k), false, raw, rules); why != nil {
				t.Errorf("%s: %v", file, why)
			}
		}
	}
}

func TestYAMLScalars(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]any{
		"one word": "one word", `"no"`: "no", `"Off"`: "Off", `"12"`: "12", `""`: "", `"a: b"`: "a: b", `"# no"`: "# no", `"a # b"`: "a # b", "null": nil, "true": true,
		`"true"`: "true", "0.01": json.Number("0.01"), `"- a"`: "- a", `"<&>"`: "<&>", `"a\nb"`: "a\nb", `"a\"b"`: `a"b`, "{}": object{}, "[]": []any{}, `[a, "b,c", 1]`: []any{"a", "b,c", json.Number("1")},
		`"1e3"`: "1e3", `"~"`: "~", `"trailing "`: "trailing ", `"*a"`: "*a", `"'a'"`: "'a'", `"kortet på"`: "kortet på",
	} {
		var b strings.Builder
		if err := writeYAML(&b, v); b.String() != want+"\n" || err != nil {
			t.Errorf("%#v is written %s, want %s (%v)", v, &b, want, err)
		}
	}
}

func TestComponentNames(t *testing.T) {
	t.Parallel()
	var got []string
	all, err := components()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		got = append(got, m.key)
	}
	for _, want := range []string{"orderRequest", "order", "orderProduct", "status", "statusWaiting", "amount", "money", "requestId", "rejectRefusal"} {
		if !slices.Contains(got, want) {
			t.Errorf("no schema %s in %v", want, got)
		}
	}
}
