package outbox

import (
	"errors"
	"fmt"
)

// What a Store refuses, and why. Match with errors.Is; the errors that come back carry more words.
var (
	// ErrClosed: the store was closed before the call was taken; nothing was done.
	ErrClosed = errors.New("the outbox is closed")
	// ErrNotFound: there is no such request.
	ErrNotFound = errors.New("no such request in the outbox")
	// ErrPruned: the request ended long ago and its record was removed. It is an ErrNotFound too; where it comes with a
	// Request, that one has only ID, Kind, Terminal, State, Digest and Revision.
	ErrPruned = fmt.Errorf("the request ended long ago and its record was pruned: %w", ErrNotFound)
	// ErrLaneHeld: another request of that terminal holds the lane; nothing was changed.
	ErrLaneHeld = errors.New("another request holds the lane")
	// ErrMoved: the request waits at another terminal by now; nothing was changed.
	ErrMoved = errors.New("the request was moved to another terminal")
	// ErrOrderTaken: another request owns that order; nothing was changed.
	ErrOrderTaken = errors.New("another request owns the order")
	// ErrUncertain: the commit failed and may or may not be in the file. No effect of it may be run. The store has read
	// the file again: look with Get or Lookup.
	ErrUncertain = errors.New("the commit failed; it may or may not be on disk")
	// ErrFull: the disk is full and nothing was committed, or, for Add, there is only the reserve left.
	ErrFull = errors.New("the disk is full")
	// ErrFailed: the file could not be opened again after a failed commit. Each later call tries once more.
	ErrFailed = errors.New("the outbox file can't be read any more")
	// ErrWrongAccount: the outbox belongs to another account at the API.
	ErrWrongAccount = errors.New("the outbox belongs to another account")
	// ErrLocked: another process has the outbox open.
	ErrLocked = errors.New("the outbox is in use by another process")
	// ErrMissing: the marker beside the file says that there was an outbox, and it is gone.
	ErrMissing = errors.New("the outbox file is gone")
	// ErrNewerFormat: the outbox was written by a newer tillpost.
	ErrNewerFormat = errors.New("the outbox was written by a newer tillpost")
)

// OpenError is why an outbox can't be opened, worded for the operator: what was found, where, what to do.
type OpenError struct {
	Path string
	// Err is one of the errors above, or the system's.
	Err error
	// Hint says what to do.
	Hint string
}

func (e *OpenError) Error() string {
	if e.Hint == "" {
		return fmt.Sprintf("open outbox %s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("open outbox %s: %v; %s", e.Path, e.Err, e.Hint)
}

// Unwrap gives the cause.
func (e *OpenError) Unwrap() error { return e.Err }

// DamagedError is an outbox, or a record in it, that is not as it was written.
type DamagedError struct {
	Path string
	// Found says what is wrong.
	Found string
	// Hint says what to do; it may be empty.
	Hint string
	// Err is the cause; it may be nil.
	Err error
}

func (e *DamagedError) Error() string {
	s := fmt.Sprintf("outbox %s is damaged: %s", e.Path, e.Found)
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap gives the cause.
func (e *DamagedError) Unwrap() error { return e.Err }
