package outbox

import (
	"math"
	"time"
)

// Instant is a moment as a machine without a battery clock can know it: wall time, whether that was known to be right,
// and the monotonic time since a named boot.
type Instant struct {
	// Wall is Unix time in milliseconds. It means nothing while Known is false.
	Wall int64 `json:"w"`
	// Known says that the wall clock was synchronised, or set right by the API's Date header.
	Known bool `json:"k,omitempty"`
	// Boot names the boot of the machine that Mono counts from.
	Boot string `json:"b,omitempty"`
	// Mono is the time since that boot, suspend included.
	Mono time.Duration `json:"m"`
}

// Since returns the time from earlier to i. Within one boot it is exact whatever the wall clock did; across boots both
// wall clocks must have been known. ok is false where neither holds. The result is never negative.
func (i Instant) Since(earlier Instant) (d time.Duration, ok bool) {
	switch {
	case i.Boot == earlier.Boot:
		d = i.Mono - earlier.Mono
	case i.Known && earlier.Known:
		d = millis(i.Wall - earlier.Wall)
	default:
		return 0, false
	}
	return max(d, 0), true
}

// millis returns a duration of ms milliseconds, the longest there is where it does not fit: a till without a clock may
// well say that it is the year 1.
func millis(ms int64) time.Duration {
	const most = math.MaxInt64 / int64(time.Millisecond)
	return time.Duration(min(max(ms, -most), most)) * time.Millisecond
}

// Add moves the instant by d.
func (i Instant) Add(d time.Duration) Instant {
	i.Wall += d.Milliseconds()
	i.Mono += d
	return i
}

// Time returns the wall time in UTC.
func (i Instant) Time() time.Time { return time.UnixMilli(i.Wall).UTC() }

// passed is the time from an event to i, which is less than 0 where the event is later.
func (i Instant) passed(event Instant) time.Duration {
	switch {
	case i.Boot == event.Boot:
		return i.Mono - event.Mono
	case i.Known && event.Known:
		return millis(i.Wall - event.Wall)
	}
	return i.Mono
}
