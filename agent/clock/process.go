package clock

import (
	"fmt"
	"math/rand/v2"
	"time"
)

var processStart = time.Now()

// processUptime is the monotonic time since this process started.
func processUptime() time.Duration { return time.Since(processStart) }

// processBoot names this process as if it were a boot of its own.
func processBoot() string { return fmt.Sprintf("%016x", rand.Uint64()) }
