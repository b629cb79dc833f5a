// Package mqtt is tillpost's side of the broker: the topics, the strict
// decoding of what tills publish, the messages that the agent publishes, and
// the bus that carries both.
//
// Nothing of a request is trusted before [Decode] has passed it. A request is
// checked against the JSON Schemas of package schema, which are published for
// tills to use, and against the few rules that a schema can't express.
package mqtt
