// Package e2e tests tillpost from the outside: the built binary as a process, a broker, and the simulated API over TCP.
// What the tests know of tillpost is what a till, a technician or a packager knows.
//
// The broker is a real mosquitto, and a share of the tests runs over the embedded one beside it. With
// TILLPOST_E2E_BROKER=embedded all of them do, but for what only a broker of its own can show.
package e2e
