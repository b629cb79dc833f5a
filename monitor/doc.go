// Package monitor is the agent's HTTP side: its metrics and probes, the JSON API
// with its events, the technician's page and the customers' displays. It observes,
// passes on what a person decides, and decides nothing; nothing in the agent waits
// for it.
package monitor
