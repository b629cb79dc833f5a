package check

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/agent/config"
	"tillpost/outbox/bolt"
)

func TestMain(m *testing.M) {
	bolt.RunChecker() // a damaged file can crash who reads it
	os.Exit(m.Run())
}

// newChecker makes a checker of a configuration whose outbox is in a folder of the test's own. lines are put behind it.
func newChecker(t *testing.T, lines ...string) *checker {
	t.Helper()
	text := fmt.Sprintf("[outbox]\npath = %q\n", filepath.Join(t.TempDir(), "outbox.db")) + strings.Join(lines, "\n")
	if !strings.Contains(text, "[api]") {
		text += "\n[api]\nbase_url = \"https://api.example/api/v1\"\norganization_uuid = \"ORG1\"\n"
	}
	cfg, err := config.Parse(filepath.Join(t.TempDir(), "tillpost.toml"), []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	c := &checker{cfg: cfg, machine: thisMachine()}
	c.machine.service = func() (account, bool) { return account{}, false }
	c.machine.mosquitto = filepath.Join(t.TempDir(), "none.conf")
	return c
}

// lines are findings as a person reads them.
func lines(list []Finding) string {
	var b strings.Builder
	for _, f := range list {
		_ = f.Write(&b, 0) // a Builder takes all
	}
	return b.String()
}

// want checks that the findings are as many as the lines, each containing its texts, which are parted by "…".
func want(t *testing.T, got []Finding, lineTexts ...string) {
	t.Helper()
	if len(got) != len(lineTexts) {
		t.Fatalf("got %d lines, want %d:\n%s", len(got), len(lineTexts), lines(got))
	}
	for i, texts := range lineTexts {
		line := got[i].Level.String() + " " + got[i].Subject + " " + got[i].Text + "; " + got[i].Fix
		for text := range strings.SplitSeq(texts, "…") {
			if !strings.Contains(line, text) {
				t.Errorf("line %d does not hold %q:\n%s", i+1, text, line)
			}
		}
		if got[i].Level == LevelFail && got[i].Fix == "" {
			t.Errorf("a failure without a fix: %s", line)
		}
	}
}

func writeFile(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// noon is a moment at which all clocks of these tests stand.
var noon = time.Date(2026, 11, 20, 11, 0, 0, 0, time.UTC)
