// Asyncapi writes docs/asyncapi.yaml: every topic of tillpost with its messages, as AsyncAPI 3.0, made of the JSON
// Schemas that requests are checked by and that the published messages are held to.
//
//	go generate ./mqtt/asyncapi
package main

import (
	"fmt"
	"os"
	"strings"
)

//go:generate go run . ../../docs/asyncapi.yaml

const header = "# Made of the JSON Schemas in mqtt/schema by \"make docs\"; changes belong there.\n"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: asyncapi FILE")
		os.Exit(2)
	}
	text, err := render()
	if err == nil {
		err = os.WriteFile(os.Args[1], []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "asyncapi:", err)
		os.Exit(1)
	}
}

// render returns the whole file.
func render() (string, error) {
	doc, err := document()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(header)
	err = writeYAML(&b, doc)
	return b.String(), err
}
