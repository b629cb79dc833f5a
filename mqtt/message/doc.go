// Package message defines the messages between tills and the agent: the strict decoding of requests, and the statuses,
// displays and other messages that the agent publishes.
//
// Nothing of a request is trusted before it has passed [Parse] and [Parsed.Check].
// It is checked against the JSON Schemas of package schema, which are published
// for tills to use, and against the few rules that a schema can't express.
package message
