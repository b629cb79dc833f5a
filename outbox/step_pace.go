package outbox

import "time"

const (
	fastPollingFor  = 3 * time.Minute
	slowestPoll     = 30 * time.Second
	searchRetry     = 5 * time.Second
	cancelRetry     = 30 * time.Second
	clockRetry      = 5 * time.Second
	expireRetry     = time.Second
	watchCloselyFor = 10 * time.Minute
	watchLooselyFor = 24 * time.Hour
)

// age is the time since the present state was entered; 0 where it can't be known.
func (m *transition) age() time.Duration {
	d, _ := m.e.At.Since(m.r.Entered)
	return d
}

// backoff is the wait before a busy terminal is tried again: a quarter of the time that it has been busy, or less by up to half
// of that, from BusyBackoffMin to BusyBackoffMax, and longer where several terminals are busy.
func (m *transition) backoff() time.Duration {
	p, busy := m.e.Policy, time.Duration(0)
	if m.r.BusySince != (Instant{}) {
		busy = m.e.At.passed(m.r.BusySince)
	}
	d := min(busy/4, p.BusyBackoffMax)
	d -= time.Duration(m.e.Jitter * float64(d) / 2)
	return max(d, p.BusyBackoffMin, m.e.BusyPace)
}

// pollAfter paces status calls: PollInterval for three minutes, then slower, to half a minute.
func (m *transition) pollAfter() time.Duration {
	every := m.e.Policy.PollInterval
	if age := m.age(); age > fastPollingFor {
		every += (age - fastPollingFor) / 10
	}
	return min(every, max(slowestPoll, m.e.Policy.PollInterval))
}

// retryDelay paces what failed at the API: as soon as that is tried again, and at least every five seconds.
func (m *transition) retryDelay() time.Duration {
	if m.e.Type == Unavailable && m.e.RetryAfter > 0 {
		return min(m.e.RetryAfter, searchRetry)
	}
	return m.retryAfter(searchRetry)
}

// retryAfter paces what failed for a cause outside the request.
func (m *transition) retryAfter(atLeast time.Duration) time.Duration {
	return max(m.e.RetryAfter, atLeast)
}

// retryAfterAnswer is how soon the turn comes for which an answer was read; not at once for a broken one.
func retryAfterAnswer(s Seen) time.Duration {
	if s.Broken {
		return searchRetry
	}
	return 0
}

func (m *transition) customerTimer() {
	if t := m.e.Policy.CustomerTimeout; t > 0 {
		m.wakeAnswering(TimerCustomer, t-m.age())
	}
}
