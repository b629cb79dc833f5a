//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// ownsFile refuses to work on another user's outbox: what is written beside it would belong to us, root above all, and
// the daemon could not read it any more. It does not report a file that is not there.
func ownsFile(path string) error {
	info, _ := os.Stat(path) // opening it returns a better error
	if info == nil {
		return nil
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("outbox %s belongs to the user with the id %d; run this as that user, such as sudo -u '#%d' tillpost …", path, owner.Uid, owner.Uid)
	}
	return nil
}
