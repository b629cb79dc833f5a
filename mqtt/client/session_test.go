package client

import (
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"tillpost/mqtt"
)

// arrived is a message as paho hands it over.
type arrived struct {
	paho.Message

	topic string
}

func (m arrived) Topic() string   { return m.topic }
func (m arrived) Payload() []byte { return nil }
func (m arrived) Retained() bool  { return false }
func (m arrived) Duplicate() bool { return false }

var ourTopics = mqtt.Topics{Prefix: "tillpost"}

func TestNothingIsDeliveredInTheGrace(t *testing.T) {
	t.Parallel()
	s := newSession(ourTopics, time.Second, mqtt.Handlers{Deliver: func(mqtt.Delivery) {}}, new(sync.WaitGroup))
	for range 2 {
		s.arrive(arrived{topic: ourTopics.Orders("T1")})
	}
	if s.next() == nil {
		t.Fatal("nothing to deliver")
	}
	s.drain(time.Nanosecond)
	if s.next() != nil {
		t.Error("a message is delivered although the end has begun")
	}
}

func TestNothingIsAcknowledgedBehindAFailure(t *testing.T) {
	t.Parallel()
	s := newSession(ourTopics, time.Second, mqtt.Handlers{Deliver: func(mqtt.Delivery) {}}, new(sync.WaitGroup))
	s.watch(closedConn{})
	var all []*arrival
	for range 3 {
		s.arrive(arrived{topic: ourTopics.Orders("T1")})
		all = append(all, s.next())
	}
	s.settle(all[2], nil)
	s.settle(all[1], errors.New("no space left"))
	s.settle(all[0], nil)
	if s.settledHead() != all[0] || s.settledHead() != nil {
		t.Error("the first is not acknowledged, or more than the first is")
	}
	s.arrive(arrived{topic: ourTopics.Orders("T1")})
	if s.next() != nil || !s.isDown() || s.publish(publication{}) {
		t.Error("the connection goes on after a failure")
	}
}

type closedConn struct{ net.Conn }

func (closedConn) Close() error { return nil }

func TestPauseIsRandomWithinADoublingBound(t *testing.T) {
	t.Parallel()
	c, err := New(Options{URL: "tcp://broker", ClientID: "a", Topics: ourTopics}, mqtt.Handlers{Deliver: func(mqtt.Delivery) {}, Up: func() {}, Down: func(error) {}})
	if err != nil {
		t.Fatal(err)
	}
	for attempt, bound := range map[int]time.Duration{0: 500 * time.Millisecond, 1: time.Second, 4: 8 * time.Second, 5: 15 * time.Second, 1 << 30: 15 * time.Second} {
		var low, high bool
		for range 200 {
			p := c.pause(attempt)
			if p <= 0 || p > bound+time.Millisecond {
				t.Fatalf("attempt %d pauses %s, more than %s", attempt, p, bound)
			}
			low, high = low || p < bound/4, high || p > bound*3/4
		}
		if !low || !high {
			t.Errorf("attempt %d does not use its range", attempt)
		}
	}
}
