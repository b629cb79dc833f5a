package intake

import (
	"crypto/sha256"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// arrival is one message on its way through the door.
type arrival struct {
	delivery mqtt.Delivery
	// parsed is the request, nil where refusal says why it is not taken.
	parsed  *message.Request
	refusal *message.Rejection
	// idTaken: a request was accepted under its id before; repeats: this very one.
	idTaken, repeats bool
	// record is what is written of it.
	record outbox.Request
	// hint is an order that a newer copy of the outbox has named for it.
	hint string
	// first is its first turn, nil where its lane makes that later.
	first outbox.FirstTurn
}

// readShare is how many messages are worth a goroutine: reading one takes about 0.1 ms.
const readShare = 8

// readAll reads a batch, on several processors if it is large: no commit can begin before all of it is read.
func (in *Intake) readAll(batch []mqtt.Delivery, rules message.Rules) []arrival {
	read := make([]arrival, len(batch))
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(batch); i = int(next.Add(1)) - 1 {
			read[i] = in.read(batch[i], rules)
		}
	}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(batch)/readShare) - 1 {
		others.Go(work)
	}
	work()
	others.Wait()
	return read
}

// read parses a message, and looks its id up once. What repeats an accepted request is not checked again, and what comes
// under its id with other content is a conflict, whatever else is wrong with it.
func (in *Intake) read(d mqtt.Delivery, rules message.Rules) arrival {
	a := arrival{delivery: d}
	parsed, refusal := message.Parse(in.o.Topics, d)
	if refusal != nil {
		a.refusal = refusal
		_, a.idTaken = in.accepted(refusal.RequestID)
		return a
	}
	digest, taken := in.accepted(parsed.RequestID)
	a.idTaken, a.repeats = taken, taken && digest == parsed.Digest
	switch {
	case a.repeats:
		a.parsed = parsed.Repeated()
	case a.idTaken:
		a.refusal = conflict(parsed.RequestID, parsed.Terminal)
	default:
		a.parsed, a.refusal = parsed.Check(rules)
	}
	return a
}

// accepted reports whether a request was ever accepted under an id, and returns its digest.
func (in *Intake) accepted(id string) (digest [sha256.Size]byte, ok bool) {
	if id == "" {
		return digest, false
	}
	r, err := in.o.Store.Lookup(id)
	if err != nil && !errors.Is(err, outbox.ErrPruned) {
		return digest, false
	}
	return r.Digest, true
}
