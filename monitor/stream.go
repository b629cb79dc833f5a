package monitor

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"tillpost/internal/topic"
)

const (
	// beatEvery is how often a beat shows that the stream lives. A page calls itself stale without one for 25 s.
	beatEvery = 5 * time.Second
	// openSent bounds the open requests with which a stream begins; the terminals say how many wait.
	openSent = 1000
	// writtenAtOnce is how many bytes of that are collected before they are written, so that a reader holds little memory.
	writtenAtOnce = 4 << 10
	// newestSent is how many of the newest requests it begins with.
	newestSent = 50
)

// stream writes server-sent events to one client. What it can't write within maxBehindTime ends it.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buf     []byte
}

// add puts an event into the next write.
func (s *stream) add(name, id string, data []byte) {
	s.buf = fmt.Appendf(s.buf, "event: %s\nid: %s\ndata: %s\n\n", name, id, data)
}

// flush writes what was added.
func (s *stream) flush() error {
	if len(s.buf) == 0 {
		return nil
	}
	// Where there are no deadlines, in a test, there is nobody to wait for.
	_ = s.control.SetWriteDeadline(time.Now().Add(maxBehindTime))
	_, err := s.w.Write(s.buf)
	if s.buf = s.buf[:0]; cap(s.buf) > 4*writtenAtOnce {
		s.buf = nil
	}
	if err != nil {
		return err
	}
	return s.control.Flush()
}

// serveEvents streams the events; with ?display=T only those that a display of that terminal needs.
func (s *Server) serveEvents(w http.ResponseWriter, r *http.Request) {
	values := r.URL.Query()
	display := values.Get("display")
	if values.Has("display") && !topic.ValidID(display) {
		writeRefusal(w, badParameter("display", "is not a terminal's uuid"))
		return
	}
	reader, resumed := s.opts.Events.join(r.Header.Get("Last-Event-ID"))
	if reader == nil {
		w.Header().Set("Retry-After", "5")
		w.Header().Set("Connection", "close")
		writeProblem(w, http.StatusServiceUnavailable, codeTooManyReaders, "there are "+strconv.Itoa(maxReaders)+" readers already; close a page that nobody looks at")
		return
	}
	defer s.opts.Events.leave(reader)
	out := &stream{w: w, control: http.NewResponseController(w)}
	// The server's bound on reading a request would end the stream.
	_ = out.control.SetReadDeadline(time.Time{})
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no")
	w.WriteHeader(http.StatusOK)
	f := &follow{s: s, out: out, r: r, reader: reader, display: display, mayWrite: s.mayWrite(r)}
	if f.begin(resumed) == nil {
		f.run()
	}
}

// follow is one client's stream.
type follow struct {
	s        *Server
	out      *stream
	r        *http.Request
	reader   *reader
	display  string // the terminal whose display is all that is followed, "" for everything
	mayWrite bool
	parts    int
}

// begin sends hello, and the current state unless the client has it.
func (f *follow) begin(resumed bool) error {
	hello, err := json.Marshal(struct {
		Build    string `json:"build"`
		Now      string `json:"now"`
		MayWrite bool   `json:"mayWrite"`
	}{f.s.opts.Build, stamp(f.s.opts.Events.now()), f.mayWrite})
	if err != nil {
		return err
	}
	if resumed {
		f.out.add(eventHello, f.s.opts.Events.position(f.reader), hello)
		return f.out.flush()
	}
	f.out.add(eventHello, f.partID(), hello)
	if err := f.sendState(); err != nil {
		return err
	}
	return f.beat()
}

// partID returns the id of a part of the current state. Nobody can resume after it: more parts follow.
func (f *follow) partID() string {
	f.parts++
	return f.s.opts.Events.position(f.reader) + "." + strconv.Itoa(f.parts)
}

// sendState sends the current state, the requests in the order of their acceptance: what is open, then the newest, of
// which some may be open too. What changes meanwhile is sent after it, so a client goes by the revision.
func (f *follow) sendState() error {
	source := f.s.opts.Source
	for _, d := range source.Displays() {
		if f.display == "" || d.Terminal == f.display {
			if err := f.sendPart(EventDisplay, d.View); err != nil {
				return err
			}
		}
	}
	if f.display != "" {
		return f.out.flush()
	}
	if err := f.sendPart(EventAgent, source.Agent()); err != nil {
		return err
	}
	for _, t := range source.Terminals() {
		if err := f.sendPart(EventTerminal, t.View); err != nil {
			return err
		}
	}
	var list []any
	err := f.s.takeTurn(f.r, func() error {
		page, err := source.Requests(Query{Limit: newestSent})
		if err != nil {
			return err
		}
		slices.Reverse(page.Requests)
		open, err := source.Open(openSent)
		list = slices.Concat(open, page.Requests)
		return err
	})
	if err != nil {
		return err
	}
	for _, v := range list {
		if err := f.sendPart(EventRequest, v); err != nil {
			return err
		}
	}
	return f.out.flush()
}

// sendPart sends one part of the current state.
func (f *follow) sendPart(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	f.add(name, f.partID(), raw)
	if len(f.out.buf) > writtenAtOnce {
		return f.out.flush()
	}
	return nil
}

func (f *follow) add(name, id string, data []byte) {
	if name == EventAgent {
		data = withMayWrite(data, f.mayWrite)
	}
	f.out.add(name, id, data)
}

// run sends what happens until the client has gone, falls behind, or the server stops.
func (f *follow) run() {
	beat := time.Tick(beatEvery)
	for {
		select {
		case <-f.r.Context().Done():
			return
		case <-beat:
			if f.beat() != nil {
				return
			}
		case <-f.reader.news:
			if f.news() != nil {
				return
			}
		}
	}
}

func (f *follow) beat() error {
	f.out.add(eventBeat, f.s.opts.Events.position(f.reader), []byte(`{"now":"`+stamp(f.s.opts.Events.now())+`"}`))
	return f.out.flush()
}

// news sends all that is new. An error means that nobody reads it, or not fast enough.
func (f *follow) news() error {
	for {
		list, more, ok := f.s.opts.Events.take(f.reader)
		if !ok {
			return errGone
		}
		for _, e := range list {
			if f.display == "" || e.name == EventDisplay && e.terminal == f.display {
				f.add(e.name, f.s.opts.Events.id(e.id), e.data)
			}
		}
		if err := f.out.flush(); err != nil {
			return err
		}
		if !more {
			return nil
		}
	}
}
