package proctest

import "time"

// Patience is how long anything may take that has no time of its own. Only a failure takes it, so it is long: the machine
// may have a dozen other processes to run.
const Patience = time.Minute

// Eventually calls is again and again until it returns true, and once more at the end of that time. It reports whether it did.
func Eventually(within time.Duration, is func() bool) bool {
	tick := time.Tick(10 * time.Millisecond)
	limit := time.After(within)
	for {
		if is() {
			return true
		}
		select {
		case <-tick:
		case <-limit:
			return is()
		}
	}
}
