// Package monitor is what people and programs see of the agent over HTTP: its
// metrics and probes, the JSON API with its events, the technician's page and
// the customers' displays. It observes, hands on what a person decides, and
// decides nothing; nothing in the agent waits for it.
package monitor
