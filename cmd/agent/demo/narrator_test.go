package demo

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"tillpost/mqtt/message"
)

func TestTellerKeepsToItsColumns(t *testing.T) {
	t.Parallel()
	for width, speaks := range map[int]string{80: "  Front Payment  words and words", 72: "  Front Payment  words", 71: "  Front Payment\n    words and words", 36: "  Front Payment\n    words and words"} {
		var out strings.Builder
		n := newNarrator(&out, width, false, func(error) { t.Error("failed") })
		p := &play{out: n}
		p.welcome()
		for _, s := range scenes {
			n.title(s.title)
			n.narrate(s.why)
		}
		n.say(whoPayment, strings.Repeat("words and ", 30)+"\x1b[2J\nan end", badly)
		v := goodDay().judge()
		if n.narrow() {
			n.block(v.list()...)
		} else {
			n.block(v.table()...)
		}
		for line := range strings.Lines(out.String()) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width {
				t.Errorf("%d characters, not %d: %s", n, width, line)
			}
		}
		if strings.Contains(out.String(), "\x1b") {
			t.Error("an escape sequence came through")
		}
		if !strings.Contains(out.String(), speaks) {
			t.Errorf("%d: who speaks is not told:\n%s", width, &out)
		}
	}
}

func TestTellerHasColourWhereItIsWanted(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	newNarrator(&out, 80, true, func(error) {}).say(whoTill, "sells", well)
	if !strings.Contains(out.String(), "\x1b[32msells\x1b[0m") {
		t.Errorf("%q", &out)
	}
}

type full struct{ writes int }

func (f *full) Write([]byte) (int, error) {
	f.writes++
	return 0, errors.New("full")
}

func TestTellerSaysOnceThatNobodyListens(t *testing.T) {
	t.Parallel()
	var w full
	failures := 0
	n := newNarrator(&w, 80, false, func(error) { failures++ })
	n.title("one")
	n.title("two")
	if failures != 1 || w.writes != 1 {
		t.Errorf("%d failures, %d writes", failures, w.writes)
	}
}

// TestNobodyListens: the demo ends with the first line that can't be written, and leaves nothing behind. The program is never
// started.
func TestNobodyListens(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp)
	err := Run(context.Background(), Options{Out: &full{}, Program: filepath.Join(tmp, "none")})
	if !errors.Is(err, errUntold) {
		t.Errorf("%v", err)
	}
	left, err := os.ReadDir(tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestProgramThatIsNotThere(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "shop")
	err := Run(t.Context(), Options{Out: &strings.Builder{}, Program: filepath.Join(dir, "none"), Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "start the daemon: ") || !strings.Contains(err.Error(), filepath.Join(dir, logName)) {
		t.Errorf("%v", err)
	}
}

func TestFolderHasToBeEmpty(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, remove, err := folder(filepath.Join(dir, "new", "one")); err != nil || remove {
		t.Errorf("a new folder: %v, %v", remove, err)
	}
	if _, _, err := folder(dir); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("a folder with something in it: %v", err)
	}
}

func TestStatusWords(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]message.Status{
		"": {RequestID: "x", State: "sending"},
		"x is queued: on disk, no power cut can lose it":                {RequestID: "x", State: "queued"},
		"x waits: the terminal is busy, it is tried again":              {RequestID: "x", State: "queued", Waiting: &message.Waiting{Code: "terminalIsBusy"}},
		"x waits: rateLimited":                                          {RequestID: "x", State: "queued", Waiting: &message.Waiting{Code: "rateLimited"}},
		"x is PAID, 42.00 NOK":                                          {RequestID: "x", State: "paid", Final: true, Amount: message.NewAmount(4200, "NOK")},
		"x is PAID, 42.00 NOK (late: another end had been told before)": {RequestID: "x", State: "paid", Final: true, Late: true, Amount: message.NewAmount(4200, "NOK")},
		"x is REJECTED: too much":                                       {RequestID: "x", State: "rejected", Final: true, Reason: &message.Reason{Code: "c", Message: "too much"}},
		"x is done":                                                     {RequestID: "x", State: "done", Final: true},
		"x is something_new":                                            {RequestID: "x", State: "something_new"},
		"x is being taken off the terminal":                             {RequestID: "x", State: "cancelling"},
		"x " + waitingWords["needs_staff"]:                              {RequestID: "x", State: "in_doubt", Waiting: &message.Waiting{Code: "needs_staff"}},
		"x " + stateWords["in_doubt"]:                                   {RequestID: "x", State: "in_doubt", Waiting: &message.Waiting{Code: "checking"}},
	} {
		if got, _ := statusWords(s); got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}
