package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/internal/term"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

func newWatch() *cobra.Command {
	var terminal string
	var raw bool
	var own login
	c := &cobra.Command{
		Use:   "watch",
		Short: "Show what happens, one line per change",
		Long: `watch prints each change of the agent, the terminals, the displays and the requests, and
each message that was refused, until SIGINT, SIGTERM or SIGHUP. It begins with how things
stand; requests that had ended before are left out, but not with --json.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := own.config(c)
			if err != nil {
				return err
			}
			ctx, stop := untilSignal(c.Context())
			defer stop()
			w := &watcher{
				screen: &screen{out: c.OutOrStdout(), notes: c.ErrOrStderr(), local: time.Local, now: time.Now},
				topics: mqtt.Topics{Prefix: cfg.MQTT.TopicPrefix}, terminal: terminal, json: raw, broker: cfg.MQTT.NearURL(),
				names: map[string]string{}, seen: map[string]string{},
			}
			conn, err := newConnection(cfg, w.filters())
			if err != nil {
				return err
			}
			_, err = conn.run(ctx, w.handle)
			return err
		},
	}
	own.register(c)
	c.Flags().StringVar(&terminal, "terminal", "", "show only this terminal, by its `UUID` or name, and the agent")
	c.Flags().BoolVar(&raw, "json", false, `print {"topic":…,"retained":…,"payload":…}, one per line`)
	return c
}

// watcher writes what the agent publishes. It is driven by one goroutine.
type watcher struct {
	screen   *screen
	topics   mqtt.Topics
	terminal string // show only this one, by uuid or name; "" is all
	json     bool
	broker   string

	wasUp, down bool
	names       map[string]string // of terminals, by uuid
	// seen holds the last message of each topic: the agent publishes everything anew when it reconnects. It is cleared
	// with the topic, so it is as large as what the broker retains.
	seen map[string]string
}

// filters returns the subscriptions that a watcher needs, the names of the terminals first.
func (w *watcher) filters() []string {
	return []string{w.topics.Terminals(), w.topics.Agent(), w.topics.Display("+"), w.topics.Status("+", "+"), w.topics.Rejects()}
}

// handle handles one event; it is done only when nothing more can be written.
func (w *watcher) handle(e event) (done bool, err error) {
	switch {
	case e.up:
		if w.down || !w.wasUp {
			w.screen.note("connected to %s", w.broker)
		}
		w.wasUp, w.down = true, false
	case e.down != nil:
		if !w.down {
			w.screen.note("no connection to the broker, trying again: %v", e.down)
		}
		w.down = true
	case e.message != nil:
		err = w.take(*e.message)
	}
	return err != nil, err
}

func (w *watcher) take(d mqtt.Delivery) error {
	if d.Topic == w.topics.Terminals() {
		w.learnNames(d.Payload)
	}
	terminal := w.terminalOf(d)
	if w.terminal != "" && d.Topic != w.topics.Agent() && !w.wanted(terminal) {
		return nil
	}
	if w.json {
		return w.raw(d)
	}
	if len(d.Payload) == 0 {
		delete(w.seen, d.Topic)
		return nil
	}
	line, ok := w.line(d)
	if !ok {
		return nil
	}
	again := w.seen[d.Topic] == line.words
	if d.Topic != w.topics.Rejects() { // each of those is an event of its own
		w.seen[d.Topic] = line.words
	}
	if again || d.Retained && line.over {
		return nil
	}
	at := w.screen.now()
	if d.Retained && !line.at.IsZero() {
		at = line.at.Time
	}
	return w.screen.say(at, term.Printable(w.name(terminal)+line.words))
}

// name returns the terminal's column.
func (w *watcher) name(terminal string) string {
	if terminal == "" {
		return ""
	}
	return cmp.Or(w.names[terminal], terminal) + "  "
}

func (w *watcher) wanted(terminal string) bool {
	return terminal != "" && (terminal == w.terminal || strings.EqualFold(w.names[terminal], w.terminal))
}

// terminalOf returns the terminal that a message is about, "" if it is about none or all.
func (w *watcher) terminalOf(d mqtt.Delivery) string {
	topic := d.Topic
	if topic == w.topics.Rejects() {
		var r message.Reject
		if json.Unmarshal(d.Payload, &r) != nil {
			return ""
		}
		topic = r.Topic
	}
	rest, ok := strings.CutPrefix(topic, w.topics.Terminals()+"/")
	if !ok {
		return ""
	}
	terminal, _, _ := strings.Cut(rest, "/")
	return terminal
}

func (w *watcher) learnNames(payload []byte) {
	var list []message.TerminalInfo
	if json.Unmarshal(payload, &list) != nil {
		return // line reports it
	}
	for _, t := range list {
		w.names[t.UUID] = t.Name
	}
}

// raw writes a message as it came, beside its topic.
func (w *watcher) raw(d mqtt.Delivery) error {
	payload := json.RawMessage(d.Payload)
	if len(payload) == 0 {
		payload = json.RawMessage("null")
	}
	if !json.Valid(payload) {
		w.screen.note("a message on %s is not JSON and left out", d.Topic)
		return nil
	}
	line, err := json.Marshal(struct {
		Topic    string          `json:"topic"`
		Retained bool            `json:"retained"`
		Payload  json.RawMessage `json:"payload"`
	}{d.Topic, d.Retained, payload})
	if err != nil {
		return err
	}
	return w.screen.raw(line)
}

// line is a message in words for a person.
type line struct {
	words string
	at    message.Timestamp // zero: not known
	over  bool              // of interest only as it happens
}

func (w *watcher) line(d mqtt.Delivery) (l line, ok bool) {
	switch topic := d.Topic; {
	case topic == w.topics.Agent():
		a, ok := read[message.AgentState](w.screen, d)
		return line{words: "agent  " + agentWords(a, w.screen.local)}, ok
	case topic == w.topics.Terminals():
		list, ok := read[[]message.TerminalInfo](w.screen, d)
		return line{words: "terminals  " + terminalsWords(list)}, ok
	case topic == w.topics.Rejects():
		r, ok := read[message.Reject](w.screen, d)
		return line{words: "refused  " + rejectWords(r), at: r.At}, ok
	case topic == w.topics.Display(w.terminalOf(d)):
		shown, ok := read[message.Display](w.screen, d)
		if ok && shown.Name != "" {
			w.names[shown.TerminalUUID] = shown.Name // it may come before the list
		}
		return line{words: "display  " + displayWords(shown), at: shown.Since}, ok
	default:
		s, ok := read[message.Status](w.screen, d)
		return line{words: fmt.Sprintf("%s  %s  %s", cmp.Or(string(s.Kind), "unknown"), s.RequestID, statusWords(s, w.screen.local)), at: s.At, over: s.Final}, ok
	}
}
