// Package gateway makes the calls to the API that serve one request, and turns replies into events of the state machine.
package gateway
