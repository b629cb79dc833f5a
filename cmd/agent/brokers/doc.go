// Package brokers tries tillpost on brokers that a shop may have: mosquitto, NATS and RabbitMQ. It has tests only, which
// "make test-brokers" runs; docs/brokers.md says what they show.
package brokers
