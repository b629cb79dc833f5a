// Package bolt keeps an outbox in a file, a bbolt database: commits that several callers share, snapshots, a reserve for a
// full disk, and a check by a child process before anything is believed of what lies there.
package bolt
