//go:build !unix

package main

import "io"

// terminalWidth leaves the breaking of lines to the terminal.
func terminalWidth(io.Writer) int { return 0 }
