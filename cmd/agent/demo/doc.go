// Package demo plays a day in a shop with two card terminals, and writes what happens as it happens.
//
// Only the money is not real: the daemon is a process of its own with its embedded broker, its outbox on disk, its metrics
// and its callbacks, the till speaks MQTT over TCP, and Front Payment is the simulator behind HTTP. Nothing that is written is
// known beforehand but the narrator's lines: every other line comes from what was published or from the simulator's books.
// At the end [evaluate] compares the two.
package demo
