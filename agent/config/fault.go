package config

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong in a configuration file.
type Fault struct {
	// Line and Column count from 1, the column in bytes. They are those of the value, or of the key where the key
	// itself is wrong, or of the table (else the file's beginning) where something is missing.
	Line, Column int
	// Key is the whole name, such as "api.base_url"; empty where the file is not TOML.
	Key string
	// Problem says what is wrong, Want what would be right. Neither repeats a
	// value that may be a secret or personal data. Want may be empty.
	Problem string
	Want    string
}

// Error holds all faults of one configuration file, in the order of their position, at least one.
type Error struct {
	File   string
	Faults []Fault
}

// Error returns one line per fault: file:line:column: key: what is wrong; what would be right.
func (e *Error) Error() string {
	lines := make([]string, 0, len(e.Faults))
	for _, f := range e.Faults {
		line := fmt.Sprintf("%s:%d:%d: ", e.File, f.Line, f.Column)
		if f.Key != "" {
			line += f.Key + ": "
		}
		line += f.Problem
		if f.Want != "" {
			line += "; " + f.Want
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}
