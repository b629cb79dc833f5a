package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"tillpost/agent/config"
	"tillpost/internal/term"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError is the error of a wrong command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// faultsError holds several faults of one thing, at least one; each is printed in a line of its own.
type faultsError struct{ faults []string }

func (e *faultsError) Error() string { return strings.Join(e.faults, "\n") }

// printError prints an error for a person and returns the exit code.
func printError(w io.Writer, err error) int {
	if err == nil {
		return exitDone
	}
	for _, line := range errorLines(err) {
		// If stderr is gone, the exit code has to do.
		_, _ = fmt.Fprintln(w, line)
	}
	if _, ok := errors.AsType[*usageError](err); ok {
		return exitUsage
	}
	return exitFailed
}

// errorLines returns one line per fault. The faults of a configuration begin with their position, where editors expect it.
func errorLines(err error) []string {
	if e, ok := errors.AsType[*config.Error](err); ok {
		return strings.Split(e.Error(), "\n")
	}
	faults := []string{err.Error()}
	if e, ok := errors.AsType[*faultsError](err); ok {
		faults = e.faults
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = "tillpost: " + term.OneLine(f)
	}
	return lines
}
