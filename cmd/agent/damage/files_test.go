package damage

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/api/simulator"
	"tillpost/outbox/bolt"
)

// shop fills an outbox with what a shop has: a paid order, one at the terminal, two queued behind it; with a snapshot or
// without. The agent is stopped then.
func (w *world) shop(snapshot bool) {
	w.Helper()
	w.Start()
	w.order("paid")
	w.untilState("paid", "paid")
	w.Must(w.Sim.SetCustomer(oslo, simulator.WalkAway()))
	w.order("shown")
	w.untilState("shown", "awaiting_customer")
	w.order("first")
	w.order("second")
	w.untilState("second", "queued")
	w.Stop()
	if snapshot {
		s, err := bolt.Open(w.file(), bolt.Options{})
		w.Must(err)
		w.Must(s.Snapshot(w.Context()))
		w.Must(s.Close())
	}
}

func (w *world) file() string { return filepath.Join(w.Dir, "outbox.db") }

// files reads the outbox and the files beside it, but for the lock.
func (w *world) files() map[string][]byte {
	w.Helper()
	names, err := filepath.Glob(w.file() + "*")
	w.Must(err)
	all := map[string][]byte{}
	for _, n := range names {
		if strings.HasSuffix(n, ".lock") {
			continue
		}
		if all[n], err = os.ReadFile(n); err != nil {
			w.Fatal(err)
		}
	}
	return all
}

// put makes the files those of before.
func (w *world) put(files map[string][]byte) {
	w.Helper()
	now := w.files()
	for n := range now {
		w.Must(os.Remove(n))
	}
	for n, raw := range files {
		w.Must(os.WriteFile(n, raw, 0o600))
	}
}

// damages are what a card, a power cut or a clumsy hand does to the file; nil for one that is gone.
var damages = []struct {
	name  string
	do    func(b []byte) []byte
	found string
}{
	{"cut off", func(b []byte) []byte { return b[:4*4096] }, "is damaged"},
	{"cut within its first pages", func(b []byte) []byte { return b[:5000] }, "too few for its first pages"},
	{"first pages zeroed", func(b []byte) []byte { clear(b[:8192]); return b }, "zeros"},
	{"pages behind them zeroed", func(b []byte) []byte { clear(b[8192:65536]); return b }, "is damaged"},
	{"a bit flipped in every page", func(b []byte) []byte {
		for at := 100; at < len(b); at += 4096 {
			b[at] ^= 1 << (at / 4096 % 8)
		}
		return b
	}, "is damaged"},
	{"emptied", func([]byte) []byte { return []byte{} }, "is gone"},
	{"gone", func([]byte) []byte { return nil }, "is gone"},
	{"overwritten by something else", func(b []byte) []byte { return bytes.Repeat([]byte("GIF89a"), len(b)/6) }, "is damaged"},
}

func (w *world) harm(do func([]byte) []byte) {
	w.Helper()
	raw, err := os.ReadFile(w.file())
	w.Must(err)
	if raw = do(raw); raw == nil {
		err = os.Remove(w.file())
	} else {
		err = os.WriteFile(w.file(), raw, 0o600)
	}
	w.Must(err)
}

// Whatever happened to the file, the daemon says it, puts the file aside, goes on from the snapshot with all that was
// open in doubt, and creates nothing until a person has accepted that.
func TestDamagedOutboxIsRestored(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shop(true)
	sound := w.files()
	creates := w.Sim.Count(simulator.OpCreate)
	for _, d := range damages {
		w.put(sound)
		w.harm(d.do)
		harmed, _ := os.ReadFile(w.file())
		w.Start()
		text := w.UntilProblem("outboxRestored")
		if !strings.Contains(text, d.found) || !strings.Contains(text, "3 requests are in doubt") {
			t.Errorf("%s: told %q", d.name, text)
		}
		w.Until("the log to tell of a file that is "+d.name, func() bool {
			log := w.Agent.Said.String()
			return strings.Contains(log, "level=ERROR") && strings.Contains(log, "problem=outboxRestored")
		})
		w.UntilProblem("outboxRolledBack")
		w.untilState("first", "in_doubt")
		w.untilState("second", "in_doubt")
		w.untilState("shown", "in_doubt", "awaiting_customer") // it is found by its mark
		w.untilState("paid", "paid")
		aside, err := os.ReadFile(w.file() + ".damaged-1")
		switch {
		case len(harmed) > 0 && (err != nil || !bytes.Equal(aside, harmed) || !strings.Contains(text, ".damaged-1")):
			t.Errorf("%s: what was damaged is not kept (%v), or not told: %s", d.name, err, text)
		case len(harmed) == 0 && err == nil && len(aside) > 0:
			t.Errorf("%s: something is kept as damaged", d.name)
		}
		w.Stop()
	}
	if got := w.Sim.Count(simulator.OpCreate); got != creates {
		t.Errorf("%d creates after restores", got-creates)
	}

	code, out := w.Do("outbox", "accept", "--config", "tillpost.toml", "--by", "Kari", "--yes")
	if code != 0 || !strings.Contains(out, "1. outboxRestored: ") || !strings.Contains(out, "2. outboxRolledBack: ") {
		t.Fatalf("accept ended with %d: %s", code, out)
	}
	w.Must(w.Sim.SetCustomer(oslo, simulator.Pay(0)))
	w.Start()
	if _, problems := w.State(); problems["outboxRestored"] != "" || problems["outboxRolledBack"] != "" {
		t.Errorf("accepted, and still %v", problems)
	}
	w.Stop()
	w.Once()
}

// Without a snapshot the daemon refuses to start, in words and with exit code 1, however often it is started: it makes no
// new outbox, and changes nothing that could still be rescued.
func TestDamagedOutboxWithoutSnapshotIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.shop(false)
	sound := w.files()
	for _, d := range damages {
		w.put(sound)
		w.harm(d.do)
		before := w.files()
		for range 3 {
			code, out := w.Do("run", "--config", "tillpost.toml")
			line := strings.TrimSpace(out)
			if code != 1 || strings.Contains(line, "\n") || !strings.HasPrefix(line, "tillpost: start: ") || !strings.Contains(line, d.found) ||
				!strings.Contains(line, "there is no snapshot to restore") {
				t.Errorf("%s: exit %d: %s", d.name, code, out)
			}
		}
		after := w.files()
		if len(after) != len(before) {
			t.Errorf("%s: files were made or removed", d.name)
		}
		for n, raw := range before {
			if !bytes.Equal(after[n], raw) {
				t.Errorf("%s: %s was changed", d.name, n)
			}
		}
		if code, out := w.Do("outbox", "verify", "--config", "tillpost.toml"); code != 1 || strings.Count(out, "\n") != 1 {
			t.Errorf("%s: verify ended with %d: %s", d.name, code, out)
		}
	}
	w.put(sound)
	w.Start()
	w.untilState("shown", "awaiting_customer")
	w.Stop()
}
