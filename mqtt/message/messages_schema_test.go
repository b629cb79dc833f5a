package message

import (
	"encoding/json"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"tillpost/mqtt"
	"tillpost/mqtt/schema"
)

// outgoing compiles the schemas of what the agent publishes, and returns their documents by file name as well.
func outgoing(t *testing.T) (compiled map[string]*jsonschema.Schema, docs map[string]map[string]any) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	docs = map[string]map[string]any{}
	for _, in := range []fs.FS{schema.FS, schema.Outgoing} {
		names, err := fs.Glob(in, "*.json")
		if more, _ := fs.Glob(in, "outgoing/*.json"); err == nil {
			names = append(names, more...)
		}
		for _, name := range names {
			raw, err := fs.ReadFile(in, name)
			if err != nil {
				t.Fatal(err)
			}
			doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			object := objectAt(doc)
			if object["$id"] != schema.Base+name {
				t.Errorf("%s calls itself %v", name, object["$id"])
			}
			if err := compiler.AddResource(schema.Base+name, doc); err != nil {
				t.Fatal(err)
			}
			docs[name] = object
		}
	}
	compiled = map[string]*jsonschema.Schema{}
	for name := range docs {
		s, err := compiler.Compile(schema.Base + name)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		compiled[name] = s
	}
	return compiled, docs
}

// TestSchemasOfMessages holds each schema of what the agent publishes to the Go type that is published: every field,
// nothing else, and required what is never left out.
func TestSchemasOfMessages(t *testing.T) {
	t.Parallel()
	_, docs := outgoing(t)
	for _, tt := range []struct {
		file, def string
		value     any
		aside     []string // never there in this message
	}{
		{"status.json", "", Status{}, nil},
		{"status.json", "waiting", Waiting{}, nil},
		{"display.json", "", Display{}, nil},
		{"display.json", "text", Text{}, nil},
		{"terminals.json", "terminal", TerminalInfo{}, nil},
		{"terminals.json", "paused", Paused{}, nil},
		{"agent.json", "", AgentState{}, nil},
		{"agent.json", "problem", Problem{}, nil},
		{"reject.json", "", Reject{}, nil},
		{"reject.json", "refusal", Reason{}, []string{"httpStatus"}},
		{"common.json", "reason", Reason{}, nil},
		{"common.json", "amount", Amount{}, nil},
		{"common.json", "fault", FieldError{}, nil},
	} {
		part := docs["outgoing/"+tt.file]
		if tt.def != "" {
			part = objectAt(part, "$defs", tt.def)
		}
		var fields, always []string
		for field := range reflect.TypeOf(tt.value).Fields() {
			name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			if slices.Contains(tt.aside, name) {
				continue
			}
			fields = append(fields, name)
			if options == "" {
				always = append(always, name)
			}
		}
		if got := slices.Sorted(maps.Keys(objectAt(part, "properties"))); !slices.Equal(got, slices.Sorted(slices.Values(fields))) {
			t.Errorf("%s %s has the properties %v, the Go type %v", tt.file, tt.def, got, fields)
		}
		if got := words(part["required"]); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(always))) {
			t.Errorf("%s %s requires %v, the Go type always writes %v", tt.file, tt.def, got, always)
		}
		if part["additionalProperties"] != false {
			t.Errorf("%s %s lets other properties pass", tt.file, tt.def)
		}
	}
}

// TestListsOfSchemas holds the closed lists in the schemas to those in the code.
func TestListsOfSchemas(t *testing.T) {
	t.Parallel()
	_, docs := outgoing(t)
	for _, tt := range []struct {
		file string
		path []string
		want []string
	}{
		{"common.json", []string{"$defs", "kind"}, texts(mqtt.Kinds())},
		{"display.json", []string{"properties", "phase"}, texts(Phases())},
		{"agent.json", []string{"properties", "state"}, []string{AgentOnline, AgentDegraded, AgentOffline}},
		{"reject.json", []string{"$defs", "refusal", "properties", "code"}, texts(Codes())},
	} {
		if got := words(objectAt(docs["outgoing/"+tt.file], tt.path...)["enum"]); !slices.Equal(got, tt.want) {
			t.Errorf("%s %v lists %v, want %v", tt.file, tt.path, got, tt.want)
		}
	}
}

func TestMessagesFitTheirSchemas(t *testing.T) {
	t.Parallel()
	schemas, _ := outgoing(t)
	at := At(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	status := Status{RequestID: "r", Kind: mqtt.KindOrder, TerminalUUID: "T", State: "queued", Revision: 1, At: at}
	with := func(change func(*Status)) Status {
		s := status
		change(&s)
		return s
	}
	agent := AgentState{State: AgentOnline, Since: at}
	troubled := agent
	troubled.Problems = []Problem{{Code: "apiUnreachable", Message: "m", Since: at, RequestID: "r"}}
	degraded := troubled
	degraded.State = AgentDegraded
	reject := Reject{At: at, Topic: "t", RequestID: "r", Reason: (&Rejection{Code: CodeInvalidRequest, Message: "m", Errors: []FieldError{{Path: "/a", Message: "m"}}}).Reason()}
	odd := reject
	odd.Reason = &Reason{Code: "odd", Message: "m"}
	for _, tt := range []struct {
		name, file string
		value      any
		bad        bool
	}{
		{"least", "status.json", status, false},
		{"most", "status.json", with(func(s *Status) {
			s.OrderUUID, s.TargetRequestID, s.Amount, s.QueuePosition = "ODR1", "o", NewAmount(4205, "NOK"), 1
			s.Waiting = &Waiting{Code: "behind", Since: at, NextAttemptAt: at}
			s.Reason = &Reason{Code: "terminalIsBusy", Message: "m", HTTPStatus: 510, Errors: json.RawMessage(`"Array"`)}
		}), false},
		{"late", "status.json", with(func(s *Status) { s.State, s.Final, s.Late = "paid", true, true }), false},
		{"a refund's state of an order", "status.json", with(func(s *Status) { s.State = "awaiting_refund" }), true},
		{"a refund", "status.json", with(func(s *Status) { s.Kind, s.State = mqtt.KindRefund, "awaiting_refund" }), false},
		{"an end that is not final", "status.json", with(func(s *Status) { s.State = "paid" }), true},
		{"final and no end", "status.json", with(func(s *Status) { s.Final = true }), true},
		{"ended and waiting", "status.json", with(func(s *Status) { s.State, s.Final, s.Waiting = "paid", true, &Waiting{Code: "behind", Since: at} }), true},
		{"waiting for something odd", "status.json", with(func(s *Status) { s.Waiting = &Waiting{Code: "odd", Since: at} }), true},
		{"no revision", "status.json", with(func(s *Status) { s.Revision = 0 }), true},
		{"a kind of its own", "status.json", with(func(s *Status) { s.Kind = "sale" }), true},
		{"display", "display.json", Display{TerminalUUID: "T", Phase: PhaseIdle, Since: at, Text: PhaseIdle.Text()}, false},
		{"display without words", "display.json", Display{TerminalUUID: "T", Phase: PhaseIdle, Since: at}, true},
		{"terminals", "terminals.json", []TerminalInfo{{UUID: "T", Active: true, Lane: "idle"}}, false},
		{"a paused terminal", "terminals.json", []TerminalInfo{{UUID: "T", Lane: "busy", Paused: &Paused{By: "Kari", Since: At(time.Unix(0, 0))}}}, false},
		{"a terminal without a lane", "terminals.json", []TerminalInfo{{UUID: "T"}}, true},
		{"no terminals", "terminals.json", []TerminalInfo{}, false},
		{"online", "agent.json", agent, false},
		{"online with problems", "agent.json", troubled, true},
		{"degraded", "agent.json", degraded, false},
		{"degraded without problems", "agent.json", AgentState{State: AgentDegraded, Since: at}, true},
		{"offline", "agent.json", AgentState{State: AgentOffline, Since: at, Problems: troubled.Problems}, false},
		{"reject", "reject.json", reject, false},
		{"reject, least", "reject.json", Reject{At: at, Topic: "t", Reason: (&Rejection{Code: CodeNotJSON, Message: "m"}).Reason()}, false},
		{"reject for something odd", "reject.json", odd, true},
	} {
		raw, err := json.Marshal(tt.value)
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
		if err != nil {
			t.Fatal(err)
		}
		if err := schemas["outgoing/"+tt.file].Validate(value); (err != nil) != tt.bad {
			t.Errorf("%s: %s: %v", tt.name, raw, err)
		}
	}
}

// words makes a list of strings out of a list of anything.
func words(v any) []string {
	list, _ := v.([]any)
	out := make([]string, len(list))
	for i, w := range list {
		out[i], _ = w.(string)
	}
	return out
}

func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = string(s)
	}
	return out
}
