//go:build !linux

package bolt

import (
	"os"
	"syscall"
)

// reserve makes a file of a size whose blocks are taken.
func reserve(path string, size int64) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, filePerm)
	if err != nil {
		return err
	}
	return syncClose(f, fill(f, size))
}

// dieWithParent has nothing to ask for here.
func dieWithParent() *syscall.SysProcAttr { return nil }
