//go:build unix && !linux

package bolt

// freeBytes can't be known here.
func freeBytes(string) int64 { return -1 }
