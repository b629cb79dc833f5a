package chaos_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"

	"tillpost/mqtt"
	"tillpost/outbox"
)

// told is a status message as a till reads it.
type told struct {
	RequestID string  `json:"requestId"`
	Kind      string  `json:"kind"`
	State     string  `json:"state"`
	Final     bool    `json:"final"`
	Revision  uint64  `json:"revision"`
	Terminal  string  `json:"terminalUuid"`
	OrderUUID string  `json:"orderUuid"`
	Late      bool    `json:"late"`
	Reason    *reason `json:"reason"`
	accepted  bool
}

type reason struct {
	Code string `json:"code"`
}

// told checks a message at the moment in which the agent publishes it: what it must not hold, and what must be on
// disk, and true, before anyone does.
func (w *world) told(p *process, m mqtt.Message) {
	w.count.messages.Add(1)
	if isPersonal(string(m.Payload)) {
		w.fail("%s holds personal data: %s", m.Topic, m.Payload)
	}
	if !strings.Contains(m.Topic, "/status/") || len(m.Payload) == 0 {
		return
	}
	var s told
	if err := json.Unmarshal(m.Payload, &s); err != nil {
		w.fail("%s is not JSON: %v", m.Topic, err)
		return
	}
	if !m.Retained {
		return // refused at the door
	}
	s.accepted = true
	r, err := p.store.Store.Lookup(s.RequestID)
	switch {
	case p.dead.Load():
		return
	case err != nil:
		w.fail("%s is told %s, and is not on disk: %v", s.RequestID, s.State, err)
	case r.Revision < s.Revision:
		w.fail("%s is told %s with revision %d, on disk is %d", s.RequestID, s.State, s.Revision, r.Revision)
	}
	w.noteTold(s)
	w.checkPaid(s)
	w.checkRefunded(r, s)
}

// noteTold remembers what a till knows of a request.
func (w *world) noteTold(s told) {
	w.mu.Lock()
	last, known := w.seen[s.RequestID]
	if !known || s.Revision >= last.Revision {
		w.seen[s.RequestID] = s
	}
	if !known || last.State != s.State || last.Revision != s.Revision {
		code := ""
		if s.Reason != nil {
			code = s.Reason.Code
		}
		w.noteLocked("%s %s is told %s, revision %d %s %s", s.Kind, s.RequestID, s.State, s.Revision, s.OrderUUID, code)
	}
	w.mu.Unlock()
	switch {
	case known && s.Revision < last.Revision:
		w.fail("%s is told revision %d (%s) after revision %d (%s)", s.RequestID, s.Revision, s.State, last.Revision, last.State)
	case known && s.Revision == last.Revision && s.State != last.State:
		w.fail("%s is told %s and %s, both with revision %d", s.RequestID, last.State, s.State, s.Revision)
	}
}

// checkPaid: a till hands over the goods at "paid".
func (w *world) checkPaid(s told) {
	if s.State != "paid" {
		return
	}
	if o, ok := w.sim.Order(s.OrderUUID); !ok || o.PaidAt.IsZero() {
		w.fail("%s is told paid, and order %q is not: %+v", s.RequestID, s.OrderUUID, o.Status)
	}
}

// committed is called with every change before the agent is.
func (w *world) committed(changes []outbox.Change) {
	for _, c := range changes {
		r := c.Request
		w.moved(c)
		w.note("on disk: %s %s is %s, revision %d, after %s", r.Kind, r.ID, r.State, r.Revision, r.History[len(r.History)-1].Event)
		if isPersonal(reasonText(r.Reason)) {
			w.fail("the reason of %s on disk holds personal data: %+v", r.ID, r.Reason)
		}
		w.mu.Lock()
		w.held(c)
		w.checkDeadline(r)
		w.mu.Unlock()
	}
}

// reasonText is all that a reason says.
func reasonText(r *outbox.Reason) string {
	if r == nil {
		return ""
	}
	text := r.Code + " " + r.Message
	for _, e := range r.Errors {
		text += " " + e.Path + " " + e.Message
	}
	return text
}

// isPersonal reports whether a text holds what no message, log or record may.
func isPersonal(text string) bool {
	text = strings.ToLower(text)
	for _, secret := range personal {
		if strings.Contains(text, secret) {
			return true
		}
	}
	return false
}

// applied is called with every event that the store decided on, before the lane goes on.
func (w *world) applied(r outbox.Request, e outbox.Event, fx []outbox.Effect) {
	w.checkExceeds(r, e, fx)
	w.checkAdopted(r, e)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beat(r, e, fx)
	w.checkPulses()
}

// connected reports whether the agent is connected to the broker.
func (w *world) connected() bool {
	p := w.current.Load()
	if p == nil || p.dead.Load() {
		return false
	}
	b := p.inner.Load()
	return b != nil && b.Connected()
}

// doorman is a log handler that records what was refused at the door: a refusal that is not published, because the
// process died or the broker was away, is published when the till asks again.
type doorman struct {
	slog.Handler
	w *world
	n int
}

// Enabled implements slog.Handler.
func (d doorman) Enabled(_ context.Context, l slog.Level) bool {
	return l >= slog.LevelInfo || d.w.o.trace || d.w.has(fNames)
}

// Handle implements slog.Handler.
func (d doorman) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "message refused" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "request" {
				d.w.mu.Lock()
				d.w.refused[a.Value.String()] = true
				d.w.mu.Unlock()
			}
			return true
		})
	}
	if !d.w.o.trace && !d.w.has(fNames) && r.Level < slog.LevelError && r.Message != "message refused" {
		return nil
	}
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	if isPersonal(text) {
		d.w.fail("a log line holds personal data: %s", text)
	}
	if !d.w.o.trace && r.Level < slog.LevelError && r.Message != "message refused" {
		return nil
	}
	d.w.note("agent %d: %s", d.n, text)
	return nil
}

func (w *world) logger(n int) *slog.Logger { return slog.New(doorman{slog.DiscardHandler, w, n}) }
