// Package fence finds out whether this copy of the outbox may send, and keeps the holds that an operator has to accept.
package fence
