package agent

import (
	"fmt"
	"time"
)

// shopDay is a date of the store's zone: 23 or 25 hours long where the clocks change.
type shopDay struct {
	name     string
	from, to time.Time // to is the next day's from
}

// dayOf reads a date as 2006-01-02.
func dayOf(name string, zone *time.Location) (shopDay, error) {
	at, err := time.Parse(time.DateOnly, name)
	if err != nil {
		return shopDay{}, fmt.Errorf("the day %q: %w", name, err)
	}
	return shopDay{name: name, from: startOfDay(at, zone), to: startOfDay(at.AddDate(0, 0, 1), zone)}, nil
}

// startOfDay is the first moment that a date, of which the time of day is left out, has in a zone. Not all have midnight.
func startOfDay(date time.Time, zone *time.Location) time.Time {
	y, m, d := date.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	for t.Day() != d {
		t = t.Add(15 * time.Minute)
	}
	return t
}
