// Package blob keeps small values of the agent in the outbox, as JSON under a name.
package blob
