package check

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFindingIsOneLineWithoutAWidth(t *testing.T) {
	t.Parallel()
	f := Finding{Subject: "broker", Level: LevelFail, Text: "shop:1883 refuses connections", Fix: "is it running there?"}
	if got, want := lines([]Finding{f}), "FAIL  broker     shop:1883 refuses connections; is it running there?\n"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestFindingFitsThePhone(t *testing.T) {
	t.Parallel()
	f := Finding{Subject: "terminals", Level: LevelWarn, Text: strings.Repeat("not active: Counter ø 2, ", 6),
		Fix: "see /a/path/that/is/longer/than/what/a/phone/has/in/one/line"}
	for _, width := range []int{40, 48, 80, 120} {
		var b strings.Builder
		if err := f.Write(&b, width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			line = strings.TrimSuffix(line, "\n")
			long := strings.Contains(line, "/a/path/") // stays whole, to be copied
			if n := utf8.RuneCountInString(line); n > width && !long {
				t.Errorf("at width %d a line has %d characters: %q", width, n, line)
			}
			if line != strings.TrimRight(line, " ") || line == "" {
				t.Errorf("at width %d: %q", width, line)
			}
		}
		joined := strings.Join(strings.Fields(b.String()), " ")
		if want := strings.Join(strings.Fields("warn terminals "+f.Text+"; "+f.Fix), " "); joined != want {
			t.Errorf("at width %d words are lost:\n%s", width, b.String())
		}
		indent := map[bool]string{true: "\n      n", false: "\n                 n"}[width < 64]
		if !strings.Contains(b.String(), indent[:len(indent)-1]) {
			t.Errorf("at width %d the lines are not aligned:\n%s", width, b.String())
		}
	}
}

func TestFindingsAreCleanAndWellFirst(t *testing.T) {
	t.Parallel()
	fs := about("disk")
	fs.ok("room")
	fs.warn("use another", "a \x1b[31mcard\nthat wears out")
	fs.ok("quick")
	want(t, fs.done(), "ok disk room; quick; ", "warn disk a ·[31mcard; that wears out; use another")
	fs = about("secrets")
	fs.ok("well")
	want(t, fs.done(), "ok secrets well; ")
}

func TestFindingForMachines(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal([]Finding{{Subject: "disk", Level: LevelOK, Text: "room"}, {Subject: "API", Level: LevelFail, Text: "gone", Fix: "see"}})
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"subject":"disk","level":"ok","text":"room"},{"subject":"API","level":"fail","text":"gone","fix":"see"}]`
	if string(data) != want {
		t.Errorf("got  %s\nwant %s", data, want)
	}
}
