//go:build unix

package main

import (
	"fmt"
	"os"
	"syscall"
)

// ownsFile refuses to work on another user's outbox: what is written beside it would belong to us, root above all, and
// the daemon could not read it any more. A file that is not there is for others to tell.
func ownsFile(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil //nolint:nilerr // whoever opens it says it better
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("outbox %s belongs to the user with the id %d; run this as that user, such as sudo -u '#%d' tillpost …", path, owner.Uid, owner.Uid)
	}
	return nil
}
