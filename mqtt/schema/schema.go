// Package schema holds the JSON Schemas (draft 2020-12) of the requests that a
// till may publish and of the messages that the agent publishes.
//
// Three annotations of our own ride along; a validator that does not know them
// ignores them. "x-must" completes the sentence "this member must …" and is
// what a refused till is told; "x-other" is the same for a member that
// additionalProperties refuses. "x-path" stands beside a oneOf or anyOf and
// names the members it is about: the first is pointed at when none is given,
// the last when too many are.
package schema

import "embed"

// FS holds the schema files, common.json and one per kind of message.
//
//go:embed *.json
var FS embed.FS

// Base is what every schema's $id begins with; nothing is ever fetched from it.
const Base = "https://tillpost.invalid/schema/"
