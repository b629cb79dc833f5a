package e2e

import (
	"encoding/json"
	"maps"
	"strings"
	"sync"

	"tillpost/mqtt"
)

// ledger is everything that was heard on the topics, in order.
type ledger struct {
	mu       sync.Mutex
	all      []mqtt.Message
	latest   map[string][]byte // by topic
	requests map[string]status // the latest of each, by id
}

func newLedger() *ledger { return &ledger{latest: map[string][]byte{}, requests: map[string]status{}} }

// follow notes what comes, until stop is called. When stop returns, nothing more is added from there.
func (l *ledger) follow(messages <-chan mqtt.Message) (stop func()) {
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

func (l *ledger) note(m mqtt.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, m)
	l.latest[m.Topic] = m.Payload
	if _, id, ok := strings.Cut(m.Topic, "/status/"); ok {
		var s status
		if json.Unmarshal(m.Payload, &s) == nil {
			l.requests[id] = s
		} else { // cleared
			delete(l.requests, id)
		}
	}
}

// messages are those on topics that end in suffix, in order.
func (l *ledger) messages(suffix string) []mqtt.Message {
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

// on is the latest message on a topic, nil if there was none.
func (l *ledger) on(topic string) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.latest[topic]
}

// status is a status message as a till reads it.
type status struct {
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

func (s status) waits() string {
	if s.Waiting == nil {
		return ""
	}
	return s.Waiting.Code
}

func (s status) reason() string {
	if s.Reason == nil {
		return ""
	}
	return s.Reason.Code
}

// statuses are the latest statuses of all requests, by id.
func (l *ledger) statuses() map[string]status {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.requests)
}

// told are the status messages of one request, in order.
func (l *ledger) told(id string) []status {
	var all []status
	for _, m := range l.messages("/status/" + id) {
		var s status
		if json.Unmarshal(m.Payload, &s) == nil {
			all = append(all, s)
		}
	}
	return all
}

// states are the states of one request in the order told, repeats left out.
func (l *ledger) states(id string) []string {
	var all []string
	for _, s := range l.told(id) {
		if len(all) == 0 || all[len(all)-1] != s.State {
			all = append(all, s.State)
		}
	}
	return all
}

// refusal is a message on the rejects topic.
type refusal struct {
	Topic     string
	RequestID string `json:"requestId"`
	Reason    struct {
		Code, Message string
		Errors        []struct{ Path, Message string }
	}
}

func (l *ledger) rejects() []refusal {
	var all []refusal
	for _, m := range l.messages("/rejects") {
		var r refusal
		if json.Unmarshal(m.Payload, &r) == nil {
			all = append(all, r)
		}
	}
	return all
}
