package agent

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// freeDisk is what we may still write on the outbox's disk, in bytes.
func (a *Agent) freeDisk() (int64, bool) {
	dir, err := windows.UTF16PtrFromString(filepath.Dir(a.cfg.Outbox.Path))
	if err != nil {
		return 0, false
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(dir, &free, nil, nil); err != nil {
		return 0, false
	}
	return int64(free), true
}
