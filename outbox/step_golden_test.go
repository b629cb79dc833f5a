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

// TestStepGolden holds every state and event of an order, so that no change of the machine goes unseen.
func TestStepGolden(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, o := range runCases(orderCases(t), orderEvents()) {
		b.WriteString(strings.TrimRight(o.String(), " "))
		b.WriteByte('\n')
	}
	checkGolden(t, filepath.Join("testdata", "order.golden"), b.String())
}

// TestCasesAreComplete guards the table itself: every state of an order, every event type.
func TestCasesAreComplete(t *testing.T) {
	t.Parallel()
	var states []State
	for _, c := range orderCases(t) {
		states = append(states, c.r.State)
	}
	for _, s := range States(KindOrder) {
		if !slices.Contains(states, s) {
			t.Errorf("no case is in state %v", s)
		}
	}
	var types []EventType
	for _, v := range orderEvents() {
		types = append(types, v.e.Type)
	}
	for _, e := range EventTypes() {
		if !slices.Contains(types, e) {
			t.Errorf("no case has event %v", e)
		}
	}
}

// TestOtherKindsHaveNoStepsYet holds what the machine says of kinds that it does not run: every event is Ignored.
func TestOtherKindsHaveNoStepsYet(t *testing.T) {
	t.Parallel()
	for kind := KindRefund; kind <= KindResolution; kind++ {
		for _, s := range States(kind) {
			r := stepOrder()
			r.Kind, r.State = kind, s
			for _, v := range orderEvents() {
				after, fx := Step(r, v.e)
				if !reflect.DeepEqual(after, r) || !reflect.DeepEqual(fx, []Effect{{Type: Ignored, Code: ignoredKind}}) {
					t.Fatalf("%v %v, %v: %v", kind, s, v.e.Type, fx)
				}
			}
		}
	}
}
