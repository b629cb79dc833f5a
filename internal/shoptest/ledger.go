package shoptest

import (
	"encoding/json"
	"maps"
	"strings"
	"sync"

	"tillpost/mqtt"
)

// Ledger is every message that came on the topics, in order. It may be used by several goroutines at once.
type Ledger struct {
	mu       sync.Mutex
	all      []mqtt.Message
	latest   map[string][]byte // by topic
	requests map[string]Status // the latest of each, by id
}

// NewLedger returns an empty one.
func NewLedger() *Ledger { return &Ledger{latest: map[string][]byte{}, requests: map[string]Status{}} }

// Follow adds what comes, until stop is called. When stop returns, nothing more is added from there.
func (l *Ledger) Follow(messages <-chan mqtt.Message) (stop func()) {
	stopping, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case m := <-messages:
				l.note(m)
			case <-stopping:
				for len(messages) > 0 {
					l.note(<-messages)
				}
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(stopping)
		<-stopped
	})
}

func (l *Ledger) note(m mqtt.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
	l.latest[m.Topic] = m.Payload
	if _, id, ok := strings.Cut(m.Topic, "/status/"); ok {
		if s, ok := ParseStatus(m.Payload); ok {
			l.requests[id] = s
		} else { // cleared
			delete(l.requests, id)
		}
	}
}

// Messages returns those on topics that end in suffix, in order.
func (l *Ledger) Messages(suffix string) []mqtt.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []mqtt.Message
	for _, m := range l.all {
		if strings.HasSuffix(m.Topic, suffix) {
			found = append(found, m)
		}
	}
	return found
}

// On returns the latest message on a topic, nil if there was none.
func (l *Ledger) On(topic string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest[topic]
}

// Statuses returns the latest statuses of all requests, by id.
func (l *Ledger) Statuses() map[string]Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.requests)
}

// Told returns the status messages of one request, in order.
func (l *Ledger) Told(id string) []Status {
	var all []Status
	for _, m := range l.Messages("/status/" + id) {
		if s, ok := ParseStatus(m.Payload); ok {
			all = append(all, s)
		}
	}
	return all
}

// States returns the states of one request in the order of its statuses, without repeats.
func (l *Ledger) States(id string) []string {
	var all []string
	for _, s := range l.Told(id) {
		if len(all) == 0 || all[len(all)-1] != s.State {
			all = append(all, s.State)
		}
	}
	return all
}

// Status is a status message as a till reads it.
type Status struct {
	RequestID string `json:"requestId"`
	Kind      string
	Terminal  string `json:"terminalUuid"`
	State     string
	Final     bool
	Revision  int
	OrderUUID string `json:"orderUuid"`
	Late      bool
	Position  int `json:"queuePosition"`
	Waiting   *struct {
		Code     string
		Attempts int
	}
	Reason *struct {
		Code, Message string
		HTTPStatus    int
		Errors        json.RawMessage
	}
}

// ParseStatus reads a message; ok is false for an empty one, which clears the topic, and for one that is no status.
func ParseStatus(payload []byte) (s Status, ok bool) {
	err := json.Unmarshal(payload, &s)
	return s, err == nil
}

// Waits returns the code of what a request waits for, "" if it does not.
func (s Status) Waits() string {
	if s.Waiting == nil {
		return ""
	}
	return s.Waiting.Code
}

// ReasonCode returns the code of a status's reason, "" if it has none.
func (s Status) ReasonCode() string {
	if s.Reason == nil {
		return ""
	}
	return s.Reason.Code
}
