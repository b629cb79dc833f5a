package fence

import (
	"sync"
	"time"

	"tillpost/agent/health"
)

// delay shuts the gate for a moment, for a reason without a waiting code.
type delay struct {
	gate *health.Gate
	why  health.GateReason

	mu    sync.Mutex
	timer *time.Timer
}

// shutFor shuts the gate for d from now, whatever was said before.
func (b *delay) shutFor(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
	}
	var t *time.Timer // read under the lock
	t = time.AfterFunc(d, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.timer == t {
			b.gate.Open(b.why)
		}
	})
	b.timer = t
	b.gate.Shut(b.why)
}

// end opens the gate at once, as far as it is up to this delay.
func (b *delay) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	b.gate.Open(b.why)
}
