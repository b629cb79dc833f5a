// Package soak torments tillpost for long: the built binary as a process, with tills, brokers and an API that fail in
// every way they have, until the books are compared. What takes minutes or hours is chosen by the environment, see
// make soak; without that each test is a short one of the same kind.
package soak
