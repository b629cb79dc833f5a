package mqtt

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// What tills send every day is read quickly, and what only the walk can judge is left to it.
func TestQuickReadsWhatIsUsual(t *testing.T) {
	t.Parallel()
	for _, payload := range append(slices.Collect(maps.Values(examples())), edit(t, exampleFull, "Kari", `K\u00e5ri`), " \t\r\n"+exampleFull+"\n", `[]`, `"a:b"`, `-0`,
		`{"requestId":"r 1"}`, `{"requestId":7}`, `[{"requestId":"r-1"}]`, `{"a":{"requestId":"r-1"}}`, `{"a\"b":{":":[{},[]]}}`) {
		s, ok := quick([]byte(payload))
		if !ok {
			t.Errorf("%s is left to the walk", payload)
		} else if w := walk([]byte(payload)); !reflect.DeepEqual(w, s) {
			t.Errorf("%s\nquick: %+v\nwalk:  %+v", payload, s, w)
		}
	}
	for _, payload := range []string{
		"", " ", "{", exampleFull + "{}", exampleFull + "\u00a0", "\ufeff" + exampleFull, "\"K\xe5ri\"", `{"a":1,"a":1}`, `{"a":1,"\u0061":1}`,
		`[{"a":{"b":1,"b":1}}]`, `{"a":":","a":2}`, `"\u0000"`, `{"\u0000":1}`, `"\ud800"`, `"\uDBFFx"`, `"\ud83d\ude00"`, `1e99`, `[` + strings.Repeat("9", 65) + `]`,
		strings.Repeat("[", 65) + strings.Repeat("]", 65), `"\`, `"\u`,
	} {
		if s, ok := quick([]byte(payload)); ok {
			t.Errorf("%q is read quickly: %+v", payload, s)
		}
	}
}
