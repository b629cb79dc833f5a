// Package broker is the embedded broker: a bus to which tills connect directly.
// It is the only package that imports the broker library.
package broker
