// Package api is the client of the Front Payment terminal API.
//
// Each of its operations makes at most one change at the API and returns, as an [Outcome], what is known of it
// afterwards. What decides between [OutcomeUnavailable] and [OutcomeAmbiguous] is whether a byte of the request was
// written to the network after the connection (and its TLS handshake) was made, never the kind of error.
//
// Create, refund and refund approval each travel on a fresh connection that is used once: a server that closes an idle
// connection looks just like a reply that was lost. No call follows a redirect, repeats itself, or carries an
// Idempotency-Key header (Go's transport takes one as leave to repeat a POST).
//
// The package sleeps and ticks by the time package only, so it runs unchanged
// in a testing/synctest bubble over net.Pipe connections.
package api
