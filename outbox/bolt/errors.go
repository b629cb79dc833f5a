package bolt

import (
	"errors"
	"fmt"
)

// Why an outbox is not opened. Match with errors.Is; the errors that come back carry more words.
var (
	// ErrLocked: another process has the outbox open.
	ErrLocked = errors.New("the outbox is in use by another process")
	// ErrMissing: the marker beside the file says that there was an outbox, and it is gone.
	ErrMissing = errors.New("the outbox file is gone")
	// ErrNewerFormat: the outbox was written by a newer tillpost.
	ErrNewerFormat = errors.New("the outbox was written by a newer tillpost")
)

// OpenError is why an outbox can't be opened, with what the operator needs: what was found, where, what to do.
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

// Unwrap returns the cause.
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

// Unwrap returns the cause.
func (e *DamagedError) Unwrap() error { return e.Err }
