package mqtt

// Statuses is where a broker reads the retained statuses: there may be as many
// as the outbox has records, and they are on disk already. All else that is
// retained is little, and kept in memory.
//
// Its methods may be called from several goroutines at once.
type Statuses interface {
	// Terminals lists the terminals with retained statuses.
	Terminals() []string
	// Replay hands over what is retained of a terminal's requests, or of one
	// if requestID is not "", until hand returns false. Each is what was
	// published last on its topic. It may take as long as the reader is slow.
	Replay(terminal, requestID string, hand Sink)
}

// Sink calls piece while nothing is published, so that piece can tell what
// stands and what does not; it must not block for long. Hand itself waits until
// the reader has room. It returns false if the reader is gone, and piece was
// not called then.
type Sink func(piece func(tell func(Message))) bool
