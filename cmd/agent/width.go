package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminalWidth is how many characters fit into a line, 0 if w is no terminal.
func terminalWidth(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}
