// Package e2e tests tillpost from the outside: the built binary as a process, a real mosquitto, and the simulated API
// over TCP. What the tests know of tillpost is what a till, a technician or a packager knows.
package e2e
