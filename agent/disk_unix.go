//go:build unix

package agent

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeDisk is what an ordinary user may still write on the outbox's disk, in bytes.
func (a *Agent) freeDisk() (int64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(a.cfg.Outbox.Path), &st); err != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
