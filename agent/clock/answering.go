package clock

import (
	"sync"
	"sync/atomic"
	"time"
)

// Answering measures the time in which the API answers: ten seconds from each reply. Deadlines that wait for the API's
// answers run on this clock, so that an outage ends nothing. The zero value has seen no reply. It may be used by several
// goroutines at once.
type Answering struct {
	waiting atomic.Int64 // deadlines that run on it

	mu      sync.Mutex
	last    time.Time // of the last reply
	elapsed time.Duration
}

// answerLasts is how long one reply proves that the API answers.
const answerLasts = 10 * time.Second

// SawReply notes that the API has replied just now.
func (a *Answering) SawReply() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.elapsed = a.at(time.Now())
	a.last = time.Now()
}

func (a *Answering) at(now time.Time) time.Duration {
	if a.last.IsZero() {
		return a.elapsed
	}
	return a.elapsed + min(now.Sub(a.last), answerLasts)
}

// elapsedNow returns the time in which the API answered since start.
func (a *Answering) elapsedNow() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at(time.Now())
}

// SilentFor returns the time since the last reply; before the first it is centuries.
func (a *Answering) SilentFor() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return time.Since(a.last)
}

// Deadlines returns how many deadlines wait for the API's answers.
func (a *Answering) Deadlines() int { return int(a.waiting.Load()) }

// Alarm is one timer that may run on the answering clock.
type Alarm struct {
	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
	release func()
}

// After calls fire once d has passed, on its own goroutine, unless the alarm is stopped before. With answers, d counts only while
// the API answers; of a deadline that is days away only the last hour does, or the API would be asked every few seconds for all
// that time.
func (a *Answering) After(d time.Duration, answers bool, fire func()) *Alarm {
	al := &Alarm{release: func() {}}
	end := func() {
		if al.Stop() {
			fire()
		}
	}
	switch {
	case !answers:
		al.arm(d, end)
	case d > answeringMost:
		al.arm(d-answeringMost, func() { a.whileAnswering(al, answeringMost, end) })
	default:
		a.whileAnswering(al, d, end)
	}
	return al
}

// whileAnswering calls end once the API has answered for d.
func (a *Answering) whileAnswering(al *Alarm, d time.Duration, end func()) {
	if !al.register(a) {
		return
	}
	until := a.elapsedNow() + d
	var check func()
	check = func() {
		switch left := until - a.elapsedNow(); {
		case left > 0:
			al.arm(max(left, answeringGrain), check)
		case a.SilentFor() > answerLasts: // as after a restart, when its time was over already
			al.arm(answeringGrain, check)
		default:
			end()
		}
	}
	al.arm(d, check)
}

const (
	// answeringMost is the last part of a deadline, for which the API is asked whenever nothing else asks it.
	answeringMost = time.Hour
	// answeringGrain bounds how often a deadline looks at a clock that stands still.
	answeringGrain = 100 * time.Millisecond
)

// register counts a deadline among those that wait for the API's answers, until it is stopped; false if it was.
func (al *Alarm) register(a *Answering) bool {
	al.mu.Lock()
	defer al.mu.Unlock()
	if al.stopped {
		return false
	}
	a.waiting.Add(1)
	al.release = func() { a.waiting.Add(-1) }
	return true
}

func (al *Alarm) arm(d time.Duration, check func()) {
	al.mu.Lock()
	defer al.mu.Unlock()
	if !al.stopped {
		al.timer = time.AfterFunc(d, check)
	}
}

// Stop ends the alarm, and reports whether it had not ended before.
func (al *Alarm) Stop() bool {
	al.mu.Lock()
	defer al.mu.Unlock()
	if al.stopped {
		return false
	}
	al.stopped = true
	if al.timer != nil {
		al.timer.Stop()
	}
	al.release()
	return true
}
