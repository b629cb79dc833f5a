package simulator

import (
	"net/http"
	"strconv"
	"time"
)

// rateWindow counts the calls of the current minute, from the first of them. The
// real API's window is not documented; a minute is what its header suggests.
type rateWindow struct {
	start time.Time
	count int
}

// limits is what the rate limit headers of one reply hold.
type limits struct {
	limit, remaining int // limit 0: no limit, no headers
	over             bool
	retryAfter       string // seconds
}

// exceeded reports whether this call is one too many.
func (l limits) exceeded() bool { return l.over }

// take counts one call.
func (w *rateWindow) take(limit int, now time.Time) limits {
	if limit <= 0 {
		return limits{}
	}
	if since := now.Sub(w.start); since >= time.Minute || since < 0 {
		w.start, w.count = now, 0
	}
	w.count++
	left := w.start.Add(time.Minute).Sub(now)
	return limits{
		limit: limit, remaining: max(limit-w.count, 0), over: w.count > limit,
		retryAfter: strconv.Itoa(int((left + time.Second - 1) / time.Second)),
	}
}

// write sets the headers recorded on the demo host.
func (l limits) write(h http.Header) {
	if l.limit > 0 {
		h.Set("X-Ratelimit-Limit", strconv.Itoa(l.limit))
		h.Set("X-Ratelimit-Remaining", strconv.Itoa(l.remaining))
	}
}
