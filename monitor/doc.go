// Package monitor is what a technician and a monitoring system see of the
// agent: its metrics and the HTTP server that shows them, with the probes
// /healthz and /readyz. It observes and never decides; nothing in the agent
// waits for it.
package monitor
