package monitor

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// keptEvents are there for who comes back with a Last-Event-ID.
	keptEvents = 1000
	// maxReaders bounds the streams; each holds a connection and a goroutine.
	maxReaders = 32
	// A reader that is this far behind is dropped; it comes back and begins anew.
	maxBehind     = 1 << 20
	maxBehindTime = 5 * time.Second
	// maxTaken bounds what a reader is handed in one write.
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

// Events hands what happens to those who follow it. Publish never waits for a reader: each reads at its own pace from
// what is kept, and one that falls behind is dropped.
type Events struct {
	prefix string // tells the ids of this process from those of an earlier one
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

// reader is one stream's place in the events. Its fields belong to the mutex of Events.
type reader struct {
	next     uint64        // the id that it has not seen yet
	news     chan struct{} // holds a token while there may be something new
	caughtUp bool          // it was up to date once, so that it can fall behind
}

// NewEvents makes the events of one process. joined is called, without blocking, when somebody begins to follow them; it may
// be nil.
func NewEvents(joined func()) *Events {
	return &Events{
		prefix: strconv.FormatInt(time.Now().UnixNano(), 36) + "-", now: time.Now, joined: joined,
		readers: map[*reader]struct{}{},
	}
}

// Publish tells an event: data is one JSON value in one line, which the caller does not change any more. terminal is set
// for a display.
func (e *Events) Publish(name, terminal string, data []byte) {
	if e == nil || len(data) == 0 {
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

// Followed reports whether anybody follows the events now.
func (e *Events) Followed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.readers) > 0
}

// trim forgets what nobody needs: all but the newest events, unless a reader that keeps up has yet to see them.
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

// join makes a reader that goes on behind the event with an id. resumed is false where that is not known any more: the
// reader then begins with what comes now. It returns nil where there are as many readers as may be.
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
	if e.joined != nil {
		e.joined()
	}
	return r, resumed
}

// leave forgets a reader.
func (e *Events) leave(r *reader) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.readers, r)
}

// take hands a reader some of what it has not seen; more says that there is more. ok is false where it is too far behind.
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

// id is an event's id as the stream tells it.
func (e *Events) id(n uint64) string { return e.prefix + strconv.FormatUint(n, 10) }

// position is the id of the last event that a reader was handed.
func (e *Events) position(r *reader) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.id(r.next - 1)
}
