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
	if i.Boot != earlier.Boot && !(i.Known && earlier.Known) {
		return 0, false
	}
	return max(i.passed(earlier), 0), true
}

// millis returns ms milliseconds, or the longest duration there is: a till without a clock may say that it is the year 1.
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

// later returns the later one of two instants; a zero one is none.
func later(a, b Instant) Instant {
	if a == (Instant{}) || b.passed(a) > 0 {
		return b
	}
	return a
}

// freshFor is how old an answer may be when something rests on it.
const freshFor = 5 * time.Second

// Seen says when an answer of the API came about. What rests on the answer has to know its age: what was seen before an
// outage, a busy answer or five seconds ago may not be so any more.
type Seen struct {
	// Begun is when the first of its calls began, Answered when the last one's reply came; zero where nothing was asked.
	Begun, Answered Instant
	// Broken: a call to the API has failed since Begun.
	Broken bool
}

// Fresh reports whether something may rest on the answer at a moment.
func (s Seen) Fresh(at Instant) bool {
	if s.Answered == (Instant{}) || s.Broken {
		return false
	}
	age, ok := at.Since(s.Answered)
	return ok && age <= freshFor
}

// After reports whether the asking began at least lag after an event. Across boots whose clocks were not known to be
// right, the time since this boot counts: the event came before it.
func (s Seen) After(event Instant, lag time.Duration) bool {
	return s.Begun != (Instant{}) && s.Begun.passed(event) >= lag
}
