//go:build !unix

package check

import "os"

// ownerOf is never ok here: rights are lists, not modes.
func ownerOf(os.FileInfo) (uid, gid int, ok bool) { return 0, 0, false }
