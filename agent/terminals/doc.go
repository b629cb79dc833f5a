// Package terminals knows which terminals there are, and which of them a person has paused.
package terminals
