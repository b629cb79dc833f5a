package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestDisk(t *testing.T) {
	t.Parallel()
	const room = 70 << 30
	quick := []time.Duration{2 * time.Millisecond, time.Millisecond, 3 * time.Millisecond}
	for name, tc := range map[string]struct {
		facts   diskFacts
		sync    []time.Duration
		syncErr error
		want    []string
	}{
		"good":         {facts: diskFacts{free: room, files: -1, kind: "ext4", medium: mediumSSD}, want: []string{"ok disk 70 GB free…a million orders…in 2ms, at worst 3ms"}},
		"little room":  {facts: diskFacts{free: 200 << 20, files: 9}, want: []string{"ok disk a write", "warn disk 200 MB free…51200 orders…free some space"}},
		"no room":      {facts: diskFacts{free: 5 << 20, files: 9}, want: []string{"ok disk", "FAIL disk 5 MB free…1280 orders…no order is accepted"}},
		"no files":     {facts: diskFacts{free: room, files: 0}, want: []string{"ok disk", "FAIL disk…another file"}},
		"unknown":      {facts: diskFacts{free: -1, files: -1}, want: []string{"ok disk", "warn disk…can't be told"}},
		"read-only":    {facts: diskFacts{free: room, files: -1, readOnly: true}, want: []string{"FAIL disk…read-only"}},
		"memory":       {facts: diskFacts{free: room, files: -1, kind: "tmpfs"}, want: []string{"ok disk", "FAIL disk…in memory…with the power…real disk"}},
		"overlay":      {facts: diskFacts{free: room, files: -1, kind: "overlay"}, want: []string{"ok disk", "warn disk…overlay…volume"}},
		"network":      {facts: diskFacts{free: room, files: -1, kind: "nfs"}, want: []string{"ok disk", "FAIL disk…network (nfs)"}},
		"program":      {facts: diskFacts{free: room, files: -1, kind: "fuse"}, want: []string{"ok disk", "warn disk…fuse"}},
		"fat":          {facts: diskFacts{free: room, files: -1, kind: "vfat"}, want: []string{"ok disk", "warn disk…vfat…ext4"}},
		"image":        {facts: diskFacts{free: room, files: -1, kind: "squashfs"}, want: []string{"ok disk", "FAIL disk…can't be written"}},
		"card":         {facts: diskFacts{free: room, files: -1, medium: mediumCard}, want: []string{"ok disk", "warn disk…SD card…spare"}},
		"stick":        {facts: diskFacts{free: room, files: -1, medium: mediumStick}, want: []string{"ok disk", "warn disk…USB"}},
		"slow":         {facts: diskFacts{free: room, files: -1}, sync: []time.Duration{70 * time.Millisecond}, want: []string{"ok disk", "warn disk…70ms…four such writes"}},
		"dying":        {facts: diskFacts{free: room, files: -1}, sync: []time.Duration{2 * time.Second}, want: []string{"ok disk", "FAIL disk…in 2s"}},
		"just quick":   {facts: diskFacts{free: room, files: -1}, sync: []time.Duration{slowSync - 1}, want: []string{"ok disk"}},
		"not ours":     {facts: diskFacts{free: room, files: -1}, syncErr: &os.PathError{Op: "open", Path: "x", Err: os.ErrPermission}, want: []string{"ok disk", "FAIL disk no file can be made…sudo -u tillpost"}},
		"write failed": {facts: diskFacts{free: room, files: -1}, syncErr: errors.New("input/output error"), want: []string{"ok disk", "FAIL disk…input/output error…kernel's log"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChecker(t)
			c.machine.disk = func(string) (diskFacts, error) { return tc.facts, nil }
			c.machine.sync = func(context.Context, string) ([]time.Duration, error) {
				if tc.sync == nil {
					return append([]time.Duration{}, quick...), tc.syncErr
				}
				return tc.sync, tc.syncErr
			}
			want(t, c.disk(t.Context()), tc.want...)
		})
	}
}

func TestDiskWithoutItsFolder(t *testing.T) {
	t.Parallel()
	c := newChecker(t)
	c.cfg.Outbox.Path = filepath.Join(t.TempDir(), "not mounted", "outbox.db")
	want(t, c.disk(t.Context()), "FAIL disk the outbox's folder…install -d -m 0700 -o tillpost "+filepath.Dir(c.cfg.Outbox.Path))
	c.cfg.Outbox.Path = filepath.Join(writeFile(t, "file", "", 0o600), "outbox.db")
	want(t, c.disk(t.Context()), "FAIL disk…is no folder")
}

func TestSyncSpeedLeavesNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	took, err := syncSpeed(t.Context(), folder)
	if err != nil || len(took) != syncRounds {
		t.Fatalf("%v, %v", took, err)
	}
	for _, d := range took {
		if d <= 0 {
			t.Errorf("a write took %v", d)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if took, err := syncSpeed(ended, folder); err != nil || len(took) != 1 {
		t.Errorf("without time: %v, %v; want one write", took, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
	if _, err := syncSpeed(t.Context(), filepath.Join(folder, "none")); err == nil {
		t.Error("a folder that is not there was written to")
	}
}

func TestDiskOfThisMachine(t *testing.T) {
	t.Parallel()
	d, err := diskOf(t.TempDir())
	if err != nil || d.free <= 0 || d.readOnly {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestSizesAndTimesForPeople(t *testing.T) {
	t.Parallel()
	got := fmt.Sprint(bytes(-1), " ", bytes(3<<10), " ", bytes(5<<20), " ", bytes(3<<29), " ", bytes(70<<30), " ", rounded(9_999), " ", rounded(45_678), " ",
		rounded(3_000_000), " ", shortTime(1234*time.Nanosecond), " ", shortTime(2345*time.Microsecond), " ", shortTime(23456*time.Microsecond), " ", shortTime(12345*time.Millisecond))
	if want := "an unknown size 3 KB 5 MB 1.5 GB 70 GB 9999 45,000 a million 0s 2.3ms 23ms 12s"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
