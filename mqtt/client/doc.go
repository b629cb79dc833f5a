// Package client is the bus to an external broker, and a subscriber for programs
// beside the agent. It is the only package that imports the MQTT client library.
package client
