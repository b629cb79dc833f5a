// Package client is the bus to a broker outside, and what reads and publishes
// there beside the agent. It is the only one that knows the MQTT client library.
package client
