// Package mqtt is the contract between the agent and a broker: the topics, the kinds of requests, and what every bus
// that carries messages promises. Package message defines the messages, package client is the bus to an external
// broker, and package broker the bus that is a broker itself.
package mqtt
