package examples

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tillpost/mqtt"
	"tillpost/mqtt/schema"
	"tillpost/outbox"
)

// outgoing compiles the schemas of what the agent publishes, by their names.
var outgoing = sync.OnceValues(func() (map[string]*jsonschema.Schema, error) {
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	compiled := map[string]*jsonschema.Schema{}
	for _, in := range []fs.FS{schema.FS, schema.Outgoing} {
		err := fs.WalkDir(in, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := fs.ReadFile(in, name)
			if err != nil {
				return err
			}
			doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
			if err != nil {
				return err
			}
			return compiler.AddResource(schema.Base+name, doc)
		})
		if err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"status", "display", "terminals", "agent", "reject"} {
		s, err := compiler.Compile(schema.Base + "outgoing/" + name + ".json")
		if err != nil {
			return nil, err
		}
		compiled[name] = s
	}
	return compiled, nil
})

// judge holds every message that the agent published to its schema.
func (s *spy) judge(t *testing.T) {
	t.Helper()
	schemas, err := outgoing()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, m := range s.seen() {
		name, ok := s.schemaOf(m.Topic())
		if !ok || len(m.Payload()) == 0 {
			continue
		}
		seen[name]++
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(m.Payload()))
		if err == nil {
			err = schemas[name].Validate(v)
		}
		if err != nil {
			t.Errorf("on %s: %s: %v", m.Topic(), m.Payload(), err)
		}
	}
	for _, name := range []string{"status", "display", "terminals", "agent"} {
		if seen[name] == 0 {
			t.Errorf("no message %s was published", name)
		}
	}
}

// schemaOf names the schema of what the agent publishes on a topic; ok is false for what tills publish.
func (s *spy) schemaOf(topic string) (name string, ok bool) {
	topics := mqtt.Topics{Prefix: s.prefix}
	switch {
	case topic == topics.Agent():
		return "agent", true
	case topic == topics.Terminals():
		return "terminals", true
	case topic == topics.Rejects():
		return "reject", true
	case topic == topics.Display(terminal):
		return "display", true
	case strings.HasPrefix(topic, topics.Status(terminal, "")):
		return "status", true
	}
	return "", false
}

// TestStatesOfSchema holds the states of each kind in the schema to those that there are.
func TestStatesOfSchema(t *testing.T) {
	t.Parallel()
	schemas, err := outgoing()
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range mqtt.Kinds() {
		k, ok := outbox.ParseKind(string(kind))
		if !ok {
			t.Fatalf("the outbox knows no kind %s", kind)
		}
		for state := outbox.State(1); ; state++ {
			if _, ok := outbox.ParseState(state.String()); !ok {
				break
			}
			of := slices.Contains(outbox.States(k), state)
			for _, final := range []bool{false, true} {
				v, err := jsonschema.UnmarshalJSON(strings.NewReader(fmt.Sprintf(
					`{"requestId":"r","kind":%q,"terminalUuid":"T","state":%q,"final":%v,"revision":1,"at":"2026-11-20T12:00:00.000Z"}`, kind, state, final)))
				if err != nil {
					t.Fatal(err)
				}
				if want, got := of && final == state.Final(), schemas["status"].Validate(v) == nil; got != want {
					t.Errorf("%s %s, final %v: the schema says %v, want %v", kind, state, final, got, want)
				}
			}
		}
	}
}

// TestWaitingOfSchema holds the reasons to wait in the schema to those that there are.
func TestWaitingOfSchema(t *testing.T) {
	t.Parallel()
	schemas, err := outgoing()
	if err != nil {
		t.Fatal(err)
	}
	codes := []string{
		outbox.WaitBehind, outbox.WaitBusy, outbox.WaitAPIUnreachable, outbox.WaitAPIError, outbox.WaitRateLimited, outbox.WaitUnauthorized,
		outbox.WaitClockUnknown, outbox.WaitForOrder, outbox.WaitChecking, outbox.WaitNeedsStaff, outbox.WaitWrongAccount, outbox.WaitRolledBack, outbox.WaitAnotherAgent,
	}
	for _, code := range append(codes, "odd") {
		v, err := jsonschema.UnmarshalJSON(strings.NewReader(fmt.Sprintf(
			`{"requestId":"r","kind":"order","terminalUuid":"T","state":"queued","final":false,"revision":1,"at":"2026-11-20T12:00:00.000Z",
			  "waiting":{"code":%q,"since":"2026-11-20T12:00:00.000Z","attempts":0}}`, code)))
		if err != nil {
			t.Fatal(err)
		}
		if got := schemas["status"].Validate(v) == nil; got != (code != "odd") {
			t.Errorf("waiting for %s: the schema says %v", code, got)
		}
	}
}
