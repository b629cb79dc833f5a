// Package fence finds out whether this copy of the outbox may send, and keeps what an operator has to accept.
package fence
