package monitor

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// keptEvents is how many events are kept for readers that come back with a
	// Last-Event-ID.
	keptEvents = 1000
	// maxReaders bounds the streams; each holds a connection and a goroutine.
	maxReaders = 32
	// A reader that is this far behind is dropped; it comes back and begins anew.
	maxBehind     = 1 << 20
	maxBehindTime = 5 * time.Second
	// maxTaken bounds how many events a reader takes for one write.
	maxTaken = 64
)

// The events of the stream.
const (
	EventAgent    = "agent"
	EventTerminal = "terminal"
	EventRequest  = "request"
	EventDisplay  = "display"
	eventHello    = "hello"
	eventBeat     = "beat"
)

// Events passes what happens on to its readers. Publish never waits for a reader: each reads at its own pace from the
// events that are kept, and one that falls behind is dropped.
type Events struct {
	prefix string // of the ids of this process, which an earlier one did not have
	now    func() time.Time
	joined func()

	mu      sync.Mutex
	kept    []event // oldest first, without a gap
	last    uint64  // the newest id, 0 before the first
	bytes   int64   // of all events so far
	readers map[*reader]struct{}
}

// event is one thing that happened.
type event struct {
	id       uint64
	name     string
	terminal string // that a display belongs to
	data     []byte
	bytes    int64 // of all events up to this one
	at       time.Time
}

// reader is one stream's position in the events. Its fields are guarded by the mutex of Events.
type reader struct {
	next     uint64        // the id of the next event that it takes
	news     chan struct{} // holds a token while there may be something new
	caughtUp bool          // it was up to date once, so that it can fall behind
}

// NewEvents returns the events of one process. joined is called when a reader joins, and must not block.
func NewEvents(joined func()) *Events {
	return &Events{
		prefix: strconv.FormatInt(time.Now().UnixNano(), 36) + "-", now: time.Now, joined: joined,
		readers: map[*reader]struct{}{},
	}
}

// Publish publishes an event: data is one JSON value in one line, which the caller must not change any more. terminal is
// set for a display.
func (e *Events) Publish(name, terminal string, data []byte) {
	if len(data) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last++
	e.bytes += int64(len(data))
	e.kept = append(e.kept, event{id: e.last, name: name, terminal: terminal, data: data, bytes: e.bytes, at: e.now()})
	e.trim()
	for r := range e.readers {
		select {
		case r.news <- struct{}{}:
		default:
		}
	}
}

// Followed reports whether there is a reader now.
func (e *Events) Followed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.readers) > 0
}

// trim removes all but the newest events, unless a reader that keeps up has yet to take them.
func (e *Events) trim() {
	if len(e.kept) <= keptEvents {
		return
	}
	needed := e.last
	for r := range e.readers {
		needed = min(needed, r.next)
	}
	for len(e.kept) > keptEvents && (e.kept[0].id < needed || e.bytes-e.kept[0].bytes > maxBehind) {
		e.kept[0] = event{}
		e.kept = e.kept[1:]
	}
}

// join adds a reader that goes on after the event with that id. resumed is false where that event is not kept any more:
// the reader then begins with the next one. It returns nil where there are maxReaders already.
func (e *Events) join(lastEventID string) (r *reader, resumed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.readers) >= maxReaders {
		return nil, false
	}
	r = &reader{next: e.last + 1, news: make(chan struct{}, 1)}
	if text, ours := strings.CutPrefix(lastEventID, e.prefix); ours {
		id, err := strconv.ParseUint(text, 10, 64)
		if err == nil && id <= e.last && (id == e.last || len(e.kept) > 0 && id+1 >= e.kept[0].id) {
			r.next, resumed = id+1, true
		}
	}
	e.readers[r] = struct{}{}
	r.news <- struct{}{}
	e.joined()
	return r, resumed
}

// leave removes a reader.
func (e *Events) leave(r *reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.readers, r)
}

// take returns the next events for a reader, and whether there are more. ok is false where it is too far behind.
func (e *Events) take(r *reader) (list []event, more, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if r.next > e.last {
		r.caughtUp = true
		return nil, false, true
	}
	if len(e.kept) == 0 || r.next < e.kept[0].id {
		return nil, false, false
	}
	waiting := e.kept[r.next-e.kept[0].id:]
	first := waiting[0]
	if r.caughtUp && (e.bytes-first.bytes > maxBehind || e.now().Sub(first.at) > maxBehindTime) {
		return nil, false, false
	}
	list = append(list, waiting[:min(len(waiting), maxTaken)]...)
	r.next += uint64(len(list))
	r.caughtUp = r.caughtUp || len(list) == len(waiting)
	return list, len(waiting) > len(list), true
}

// id returns an event's id in the stream.
func (e *Events) id(n uint64) string { return e.prefix + strconv.FormatUint(n, 10) }

// position returns the id of the last event that a reader took.
func (e *Events) position(r *reader) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.id(r.next - 1)
}
