// Package outbox is the durable state machine of tillpost: what was accepted from a till, how far it has come, and
// what may happen to it next.
//
// Step is pure: it takes a request and an event and returns the changed request and the effects to run. A Store keeps
// requests and runs Step inside its transactions; it returns effects only after the commit that makes them
// legitimate. Whoever executes effects decides nothing: results come back as events. Nothing here touches a file, the
// network or the clock; package bolt is the store in a file.
package outbox
