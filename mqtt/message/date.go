package message

import (
	"errors"
	"time"
)

// dateLayout is how the API's documents write an order's date, "07 Apr, 2024" (Front Payment, Create Terminal Order).
const dateLayout = "02 Jan, 2006"

// ParseDate reads a date like "07 Apr, 2024", and nothing looser. It returns the day as [DateOf] does.
func ParseDate(s string) (time.Time, error) {
	t, err := time.Parse(dateLayout, s)
	if err != nil || t.Format(dateLayout) != s {
		return time.Time{}, errors.New("not a date like \"07 Apr, 2024\"")
	}
	return t, nil
}

// DateOf returns the day of t in t's own location, as midnight in UTC: so days compare whatever their location.
func DateOf(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// FormatDate returns a day as the API wants it, like "07 Apr, 2024".
func FormatDate(day time.Time) string { return day.Format(dateLayout) }
