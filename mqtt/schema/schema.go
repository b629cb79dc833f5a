// Package schema holds the JSON Schemas (draft 2020-12) of the requests that a
// till may publish and of the messages that the agent publishes.
//
// They have three annotations of our own, which other validators ignore. "x-must" completes the sentence "this member
// must …" in the reason of a refusal; "x-other" is the same for a member that additionalProperties refuses. "x-path" is
// beside a oneOf or anyOf and names the members it is about: a refusal points at the first when none is given, at the
// last when too many are.
package schema

import "embed"

// FS holds the schemas of requests: common.json and one file per kind.
//
//go:embed *.json
var FS embed.FS

// Outgoing holds, in the folder outgoing, the schemas of what the agent publishes: common.json and one file per kind of
// message. The agent itself does not read them.
//
//go:embed outgoing/*.json
var Outgoing embed.FS

// Base is what every schema's $id begins with; nothing is ever fetched from it.
const Base = "https://tillpost.invalid/schema/"
