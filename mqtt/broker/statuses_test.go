package broker_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mochi-mqtt/server/v2/packets"

	"tillpost/mqtt"
	"tillpost/mqtt/broker"
)

// readStatuses stands for an outbox: it holds what was published, and marks it as read from here.
type readStatuses struct {
	mu        sync.Mutex
	published map[string]map[string]string
	asked     []string
}

// publish publishes a status or clears it.
func (s *readStatuses) publish(b *embedded, terminal, id, payload string) {
	b.publish("test/terminals/"+terminal+"/status/"+id, payload)
	s.mu.Lock()
	defer s.mu.Unlock()
	if payload == "" {
		delete(s.published[terminal], id)
		return
	}
	if s.published[terminal] == nil {
		s.published[terminal] = map[string]string{}
	}
	s.published[terminal][id] = "read " + payload
}

func (s *readStatuses) Terminals() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.published))
}

func (s *readStatuses) Replay(terminal, requestID string, sink mqtt.Sink) {
	s.mu.Lock()
	s.asked = append(s.asked, terminal+" "+requestID)
	ids := slices.Collect(maps.Keys(s.published[terminal]))
	s.mu.Unlock()
	for batch := range slices.Chunk(ids, 64) {
		there := sink(func(send func(mqtt.Message)) {
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, id := range batch {
				if payload, ok := s.published[terminal][id]; ok && (requestID == "" || id == requestID) {
					send(mqtt.Message{Topic: "test/terminals/" + terminal + "/status/" + id, Payload: []byte(payload)})
				}
			}
		})
		if !there {
			return
		}
	}
}

// were returns which statuses the broker has asked for since the last call.
func (s *readStatuses) were() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := strings.Join(s.asked, ", ")
	s.asked = nil
	return asked
}

func startReading(t *testing.T) (*embedded, *readStatuses) {
	t.Helper()
	statuses := &readStatuses{published: map[string]map[string]string{}}
	return startBroker(t, func(o *broker.Options) { o.Statuses = statuses }), statuses
}

// retained returns what a new subscriber gets of what is retained, in order of its
// alphabet.
func (w *wire) retained(filter string) string {
	w.t.Helper()
	w.subscribe(filter, nil)
	w.write([]byte{packets.Pingreq << 4, 0}) // it is handled when all of that is sent
	var got []string
	for {
		switch pk, ok := w.read(); {
		case !ok:
			w.t.Fatalf("%s: the connection ended after %q", filter, got)
		case pk.FixedHeader.Type == packets.Pingresp:
			slices.Sort(got)
			return strings.Join(got, ", ")
		case !pk.FixedHeader.Retain:
			w.t.Errorf("%s: %s comes as new", filter, pk.TopicName)
		default:
			got = append(got, string(pk.Payload))
		}
	}
}

// TestBrokerReadsStatuses: what is retained of requests is read for who
// subscribes, and not kept; all else is.
func TestBrokerReadsStatuses(t *testing.T) {
	t.Parallel()
	b, statuses := startReading(t)
	b.publish("test/agent", "agent")
	b.publish("test/terminals/T1/display", "display")
	for _, s := range []string{"T1 a", "T1 b", "T2 c", "T2 gone"} {
		terminal, id, _ := strings.Cut(s, " ")
		statuses.publish(b, terminal, id, id)
	}
	statuses.publish(b, "T2", "gone", "")
	for filter, want := range map[string]struct{ got, asked string }{
		"#":                            {"agent, display, read a, read b, read c", "T1 , T2 "},
		"test/#":                       {"agent, display, read a, read b, read c", "T1 , T2 "},
		"test/agent/#":                 {"agent", ""},
		"test/terminals/+/status/+":    {"read a, read b, read c", "T1 , T2 "},
		"test/terminals/T1/status/+":   {"read a, read b", "T1 "},
		"test/terminals/T1/status/#":   {"read a, read b", "T1 "},
		"test/terminals/T1/#":          {"display, read a, read b", "T1 "},
		"test/terminals/T1/status/a":   {"read a", "T1 a"},
		"test/terminals/T1/+/a":        {"read a", "T1 a"},
		"test/terminals/T1/status/a/#": {"read a", "T1 a"},
		"test/terminals/+/status/c":    {"read c", "T1 c, T2 c"},
		"+/+/+/+/b":                    {"read b", "T1 b, T2 b"},
		"test/terminals/T2/status/a":   {"", "T2 a"},
		"test/terminals/T3/status/+":   {"", ""},
		"test/terminals/T1/status/a/b": {"", ""},
		"test/terminals/T1/status":     {"", ""},
		"test/terminals/+/+":           {"display", ""},
	} {
		reader := dialWire(t, b.Broker, 4)
		reader.hello(nil)
		got := reader.retained(filter)
		if asked := statuses.were(); got != want.got || asked != want.asked {
			t.Errorf("%s brings %q, want %q; asked for %q, want %q", filter, got, want.got, asked, want.asked)
		}
	}
}

// TestBrokerReadsWhatMayBeRead: nothing is read for who may not read it.
func TestBrokerReadsWhatMayBeRead(t *testing.T) {
	t.Parallel()
	statuses := &readStatuses{published: map[string]map[string]string{}}
	b, _ := startWithUsersAnd(t, roles+user(t, "till-1", "till", `"T1"`)+user(t, "display-1", "display", `"T1"`)+user(t, "watcher", "watcher", `"*"`),
		func(o *broker.Options) { o.Statuses = statuses })
	b.publish("test/agent", "agent")
	statuses.publish(b, "T1", "a", "a")
	statuses.publish(b, "T2", "b", "b")
	for name, want := range map[string]struct{ got, asked string }{
		"till-1":    {"agent, read a", "T1 "},
		"display-1": {"agent", ""},
		"watcher":   {"agent, read a, read b", "T1 , T2 "},
	} {
		client := dialWire(t, b.Broker, 4)
		client.hello(func(pk *packets.Packet) {
			pk.Connect.UsernameFlag, pk.Connect.PasswordFlag = true, true
			pk.Connect.Username, pk.Connect.Password = []byte(name), []byte("secret of "+name)
		})
		got := client.retained("test/#")
		if asked := statuses.were(); got != want.got || asked != want.asked {
			t.Errorf("%s reads %q, want %q; asked for %q, want %q", name, got, want.got, asked, want.asked)
		}
	}
}

// TestBrokerReadsForSlowReaders: a reader that is slower than what is retained
// gets all of it, holds up nobody, and costs nothing once it has left.
func TestBrokerReadsForSlowReaders(t *testing.T) {
	t.Parallel()
	b, statuses := startReading(t)
	const n = 10_000
	payload := strings.Repeat("x", 400)
	for i := range n {
		statuses.publish(b, "T1", fmt.Sprint("r", i), payload)
	}
	stalled, reader := dialWire(t, b.Broker, 4), dialWire(t, b.Broker, 4)
	for _, w := range []*wire{stalled, reader} {
		w.hello(nil)
		w.subscribe("test/terminals/+/status/+", nil)
	}
	seen := map[string]bool{}
	for len(seen) < n {
		pk, ok := reader.read()
		if !ok || !pk.FixedHeader.Retain {
			t.Fatalf("after %d of what is retained: %+v", len(seen), pk.FixedHeader)
		}
		seen[pk.TopicName] = true
		if len(seen)%1000 == 0 {
			b.publish("test/agent", "agent")
		}
	}
	_ = stalled.conn.Close() // the broker ends although it has not read
}
