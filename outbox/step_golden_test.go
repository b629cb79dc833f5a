package outbox

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// checkGolden compares a text with a file, or rewrites the file if -update was given.
func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	if *updateGolden {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) == got {
		return
	}
	wants, gots := strings.Split(string(want), "\n"), strings.Split(got, "\n")
	shown := 0
	for i := 0; i < max(len(wants), len(gots)) && shown < 10; i++ {
		var w, g string
		if i < len(wants) {
			w = wants[i]
		}
		if i < len(gots) {
			g = gots[i]
		}
		if w != g {
			t.Errorf("%s:%d:\n want %s\n got  %s", path, i+1, w, g)
			shown++
		}
	}
	t.Error("if this is as it should be: go test ./outbox -run 'TestStepGolden|TestStatesPage' -update")
}

// TestStepGolden holds every state and event of each kind, so that no change of the machine goes unseen.
func TestStepGolden(t *testing.T) {
	t.Parallel()
	for kind, page := range kindPages {
		t.Run(kind.String(), func(t *testing.T) {
			t.Parallel()
			var b strings.Builder
			for _, o := range runCases(page.cases(t), page.events()) {
				b.WriteString(strings.TrimRight(o.String(), " "))
				b.WriteByte('\n')
			}
			checkGolden(t, filepath.Join("testdata", kind.String()+".golden"), b.String())
		})
	}
}

// TestCasesAreComplete guards the tables themselves: every kind, every state, every event type.
func TestCasesAreComplete(t *testing.T) {
	t.Parallel()
	for kind := KindOrder; kind.Known(); kind++ {
		page, ok := kindPages[kind]
		if !ok {
			t.Errorf("no table for %v", kind)
			continue
		}
		var states []State
		for _, c := range page.cases(t) {
			states = append(states, c.r.State)
			if c.r.Kind != kind || !slices.Contains(States(kind), c.r.State) {
				t.Errorf("%v: a case is a %v in state %v", kind, c.r.Kind, c.r.State)
			}
		}
		for _, s := range States(kind) {
			if !slices.Contains(states, s) {
				t.Errorf("%v: no case is in state %v", kind, s)
			}
		}
		var types []EventType
		for _, v := range page.events() {
			types = append(types, v.e.Type)
		}
		for _, e := range EventTypes() {
			if !slices.Contains(types, e) {
				t.Errorf("%v: no case has event %v", kind, e)
			}
		}
	}
}

// TestCasesHoldTheirPromises: no step of the tables leads to a state that its kind does not have, panics or writes in place.
func TestCasesHoldTheirPromises(t *testing.T) {
	t.Parallel()
	for kind, page := range kindPages {
		for _, o := range runCases(page.cases(t), page.events()) {
			if !slices.Contains(States(kind), o.after.State) {
				t.Errorf("%v: %v", kind, o)
			}
			if o.after.Revision == o.from.r.Revision && !reflect.DeepEqual(o.after, o.from.r) {
				t.Errorf("%v: changed without a revision: %v", kind, o)
			}
			if o.after.Revision > o.from.r.Revision+1 || countFx(o.fx, Ignored, "") > 0 && len(o.fx) > 1 {
				t.Errorf("%v: %v", kind, o)
			}
		}
	}
}
