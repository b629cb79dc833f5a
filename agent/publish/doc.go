// Package publish publishes to tills, displays and pages what became durable, in that order, and keeps what is retained true.
package publish
