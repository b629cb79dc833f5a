package agent

import (
	"testing"
	"time"
)

func TestDaysHaveTheirLength(t *testing.T) {
	for _, c := range []struct {
		day, zone string
		want      time.Duration
	}{
		{"2026-03-29", "Europe/Oslo", 23 * time.Hour},
		{"2026-10-25", "Europe/Oslo", 25 * time.Hour},
		{"2026-11-20", "Europe/Oslo", 24 * time.Hour},
		{"2028-02-29", "UTC", 24 * time.Hour},
		{"2024-09-08", "America/Santiago", 23 * time.Hour}, // has no midnight
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		d, err := dayOf(c.day, zone)
		if err != nil || d.to.Sub(d.from) != c.want || d.from.In(zone).Format(time.DateOnly) != c.day || d.to.Add(-1).In(zone).Format(time.DateOnly) != c.day {
			t.Errorf("%s in %s: %v to %v, %v", c.day, c.zone, d.from, d.to, err)
		}
	}
}
