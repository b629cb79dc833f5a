package reconcile

import (
	"path/filepath"
	"testing"
	"time"

	"tillpost/outbox"
)

func TestBaselineIsKeptOrLeftAside(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "b")
	if b, err := loadBaseline(path); b != nil || err != nil {
		t.Fatalf("no file: %v, %v", b, err)
	}
	b := &baseline{at: outbox.Instant{Wall: 1000, Known: true, Boot: "one", Mono: time.Second}}
	for _, uuid := range []string{"ODR2", "ODR1", "ODR2"} {
		b.hashes = append(b.hashes, hashUUID(uuid))
	}
	b.sort()
	if err := b.save(path); err != nil {
		t.Fatal(err)
	}
	got, err := loadBaseline(path)
	if err != nil || !got.hasHash(hashUUID("ODR1")) || !got.hasHash(hashUUID("ODR2")) || got.hasHash(hashUUID("ODR3")) || got.at != b.at || len(got.hashes) != 2 {
		t.Fatalf("read back %+v, %v", got, err)
	}
	raw := b.encode()
	for i := range raw {
		raw[i] ^= 1
		if _, err := decodeBaseline(raw); err == nil {
			t.Fatalf("a flipped bit in byte %d was not noticed", i)
		}
		raw[i] ^= 1
	}
	for n := range raw {
		if _, err := decodeBaseline(raw[:n]); err == nil {
			t.Fatalf("a file cut to %d bytes was not noticed", n)
		}
	}
}

func TestBaselineHoldsOnlyForLaterSubmissions(t *testing.T) {
	t.Parallel()
	at := outbox.Instant{Wall: 1000, Known: true, Boot: "one", Mono: time.Minute}
	b := &baseline{at: at}
	other := func(wall int64, known bool) outbox.Instant {
		return outbox.Instant{Wall: wall, Known: known, Boot: "two", Mono: time.Second}
	}
	for _, c := range []struct {
		name      string
		submitted outbox.Instant
		want      bool
	}{
		{"the same moment", at, false},
		{"later in the same boot, whatever the clock says", outbox.Instant{Wall: 1, Boot: "one", Mono: time.Minute + 1}, true},
		{"earlier in the same boot", outbox.Instant{Wall: 5000, Known: true, Boot: "one", Mono: time.Second}, false},
		{"later, another boot", other(1001, true), true},
		{"earlier, another boot", other(999, true), false},
		{"another boot, clock unknown", other(5000, false), false},
	} {
		if got := b.before(c.submitted); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if (*baseline)(nil).before(at) {
		t.Error("no baseline holds for nothing")
	}
}
