// Package mqtt is the contract between the agent and a broker: the topics, the
// kinds of requests, and what every bus that carries messages promises. What the
// messages say is package message's; the bus to a broker outside is package
// client, the one that is a broker itself package broker.
package mqtt
