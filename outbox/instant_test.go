package outbox

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

func TestInstantSince(t *testing.T) {
	t.Parallel()
	at := func(wall int64, known bool, boot string, mono time.Duration) Instant {
		return Instant{Wall: wall, Known: known, Boot: boot, Mono: mono}
	}
	for _, c := range []struct {
		name         string
		now, earlier Instant
		want         time.Duration
		ok           bool
	}{
		{"one boot, whatever the wall says", at(0, true, "a", 5*time.Second), at(99999, true, "a", 2*time.Second), 3 * time.Second, true},
		{"one boot, no wall at all", at(0, false, "a", 5*time.Second), at(0, false, "a", 2*time.Second), 3 * time.Second, true},
		{"one boot, never negative", at(9, true, "a", 1), at(5, true, "a", 2), 0, true},
		{"two boots, both known", at(5000, true, "b", 1), at(2000, true, "a", time.Hour), 3 * time.Second, true},
		{"two boots, never negative", at(2000, true, "b", 1), at(5000, true, "a", 1), 0, true},
		{"two boots, now unknown", at(5000, false, "b", 1), at(2000, true, "a", 1), 0, false},
		{"two boots, then unknown", at(5000, true, "b", 1), at(2000, false, "a", 1), 0, false},
		{"ages ago", at(math.MaxInt64, true, "b", 1), at(0, true, "a", 1), time.Duration(math.MaxInt64).Truncate(time.Millisecond), true},
	} {
		if got, ok := c.now.Since(c.earlier); got != c.want || ok != c.ok {
			t.Errorf("%s: %v, %v; want %v, %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestInstantAdd(t *testing.T) {
	t.Parallel()
	later := stepStart.Add(1500 * time.Millisecond)
	if d, ok := later.Since(stepStart); !ok || d != 1500*time.Millisecond || later.Wall-stepStart.Wall != 1500 {
		t.Errorf("%v, %v", d, later)
	}
	if got := later.Time().Format("2006-01-02T15:04:05.000Z07:00"); got != "2026-11-20T09:00:01.500Z" {
		t.Error(got)
	}
}

func TestInstantJSON(t *testing.T) {
	t.Parallel()
	for _, want := range []Instant{stepStart, {}, {Wall: -5, Boot: "x", Mono: -3}} {
		b, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Instant
		if err := json.Unmarshal(b, &got); err != nil || got != want {
			t.Errorf("%s: %+v, %v", b, got, err)
		}
	}
}
