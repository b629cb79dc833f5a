package mqtt

// Statuses is where a broker reads the retained statuses: there may be as many
// as the outbox has records, and they are on disk already. All else that is
// retained is little, and kept in memory.
//
// Its methods may be called from several goroutines at once.
type Statuses interface {
	// Terminals lists the terminals with retained statuses.
	Terminals() []string
	// Replay calls sink with what is retained of a terminal's requests, or of one
	// if requestID is not "", piece by piece until sink returns false. Each status
	// is what was published last on its topic. It takes as long as the reader does.
	Replay(terminal, requestID string, sink Sink)
}

// Sink takes one piece of what is retained. It waits until the reader has room,
// and then calls piece while nothing is published, so that what piece sends is
// what is retained just then; piece must not block for long. It returns false if
// the reader is gone, and piece was not called then.
type Sink func(piece func(send func(Message))) bool
