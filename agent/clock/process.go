package clock

import (
	"crypto/rand"
	"encoding/hex"
	"time"
)

var processStart = time.Now()

// processUptime is the monotonic time since this process started.
func processUptime() time.Duration { return time.Since(processStart) }

// processBoot names this process as if it were a boot of its own.
func processBoot() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}
