package check

import (
	"os"
	"path/filepath"
	"testing"

	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// used makes an outbox with an order in it, closed.
func used(t *testing.T, path string) {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{Policy: outboxtest.Policy, BallastSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Add(t.Context(), outboxtest.Order("o1", "T1")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := bolt.CheckFile(path); err != nil {
		t.Fatal(err)
	}
}

// reused opens an outbox once more.
func reused(t *testing.T, path string) {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{Policy: outboxtest.Policy, BallastSize: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func damage(t *testing.T, path string) {
	t.Helper()
	if err := os.Truncate(path, 3*4096); err != nil { // the roots, and no more
		t.Fatal(err)
	}
}

func TestOutbox(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		make func(t *testing.T, path string)
		want string
	}{
		"none":    {func(*testing.T, string) {}, "ok outbox there is none yet"},
		"sound":   {used, "ok outbox sound…generation 1"},
		"damaged": {func(t *testing.T, path string) { used(t, path); damage(t, path) }, "FAIL outbox…is damaged…keep the file…outbox.path…look up at Front Payment"},
		"damaged with a snapshot": {func(t *testing.T, path string) {
			used(t, path)
			copyFile(t, path, path+bolt.SuffixSnapshot)
			damage(t, path)
		}, "warn outbox…is damaged…snapshot takes its place…in doubt"},
		"an older copy": {func(t *testing.T, path string) {
			used(t, path)
			copyFile(t, path, path+".copy")
			reused(t, path)
			copyFile(t, path+".copy", path)
		}, "warn outbox…is sound, but an older copy…nothing is sent…tillpost outbox accept"},
		"used twice": {func(t *testing.T, path string) { used(t, path); reused(t, path) }, "ok outbox sound…generation 2"},
		"gone":       {func(t *testing.T, path string) { used(t, path); remove(t, path) }, "FAIL outbox…is gone…does not start…put the file back…look up at Front Payment….initialised"},
		"gone with a snapshot": {func(t *testing.T, path string) {
			used(t, path)
			copyFile(t, path, path+bolt.SuffixSnapshot)
			remove(t, path)
		}, "warn outbox…is gone…snapshot"},
		"a folder": {func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "FAIL outbox…is a folder…outbox.path…outbox.db"},
		"its marker is unreadable": {func(t *testing.T, path string) {
			used(t, path)
			if err := os.WriteFile(path+".initialised", []byte("\x00"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "warn outbox…is sound, but an older copy, or from elsewhere"},
		"its marker is a folder": {func(t *testing.T, path string) {
			if err := os.Mkdir(path+".initialised", 0o700); err != nil {
				t.Fatal(err)
			}
		}, "FAIL outbox the marker…chown"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChecker(t)
			tc.make(t, c.cfg.Outbox.Path)
			facts := c.outbox(t.Context())
			want(t, facts.findings, tc.want)
			if facts.locked {
				t.Error("it is said to be in use")
			}
		})
	}
}

func TestOutboxInUse(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	s := outboxtest.OpenAt(t, c.cfg.Outbox.Path, bolt.Options{Policy: outboxtest.Policy, BallastSize: 1 << 20})
	facts := c.outbox(t.Context())
	want(t, facts.findings, "ok outbox in use by a running agent…generation 1")
	if !facts.locked || facts.instance != s.Identity().Instance {
		t.Errorf("%+v", facts)
	}
	// The agent is not disturbed.
	if _, err := s.Add(t.Context(), outboxtest.Order("o1", "T1")); err != nil {
		t.Error(err)
	}
}

func TestOutboxOfAnotherUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
	c := newChecker(t)
	used(t, c.cfg.Outbox.Path)
	if err := os.Chown(c.cfg.Outbox.Path+".lock", 12345, 12345); err != nil {
		t.Fatal(err)
	}
	want(t, c.outbox(t.Context()).findings, "ok outbox sound", "FAIL outbox…another user…chown --reference=")

	c = newChecker(t)
	c.machine.service = func() (account, bool) { return account{name: "till", uid: 12345, groups: []int{12345}}, true }
	want(t, c.outbox(t.Context()).findings, "ok outbox", "FAIL outbox the user till can't write to…chown till")
	if err := os.Chown(filepath.Dir(c.cfg.Outbox.Path), 12345, 12345); err != nil {
		t.Fatal(err)
	}
	want(t, c.outbox(t.Context()).findings, "ok outbox there is none yet")
}

func TestAccountRights(t *testing.T) {
	t.Parallel()
	path := writeFile(t, "secret", "x", 0o640)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	uid, gid, ok := ownerOf(info)
	if !ok {
		t.Skip("modes say nothing here")
	}
	for name, tc := range map[string]struct {
		a    account
		want bool
	}{
		"owner":    {account{uid: uid}, true},
		"group":    {account{uid: uid + 1, groups: []int{gid + 1, gid}}, true},
		"stranger": {account{uid: uid + 1, groups: []int{gid + 1}}, false},
	} {
		if got := tc.a.mayRead(path); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if !(account{}).mayRead(path + "-none") {
		t.Error("a file that is not there is another line's matter")
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}
