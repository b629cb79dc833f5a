// Package broker is the embedded broker: a bus to which tills connect directly.
// It is the only one that knows the broker library.
package broker
