package outbox

import "time"

// freshFor is how old an answer may be when something rests on it.
const freshFor = 5 * time.Second

// Seen says when an answer of the API came about. What rests on the answer has to know its age: what was seen before an
// outage, a busy answer or five seconds ago may not be so any more.
type Seen struct {
	// Begun is when the first of the calls began that the answer rests on, Answered when the last one's reply came; zero
	// where nothing was asked.
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
	if s.Begun == (Instant{}) {
		return false
	}
	return s.Begun.passed(event) >= lag
}
