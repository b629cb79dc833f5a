package main

import (
	"errors"
	"fmt"
	"time"

	"tillpost/internal/term"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// resendAfter is how long a till waits for "queued" before it publishes the same request again.
const resendAfter = 10 * time.Second

// deniedWithin is how soon after a request the end of a connection may be the broker's answer to it: MQTT 3.1.1 has no
// other way to refuse a message.
const deniedWithin = 2 * time.Second

// follower publishes one request as a good till does, and follows it to its end. It is driven by one goroutine.
type follower struct {
	screen  *screen
	json    bool
	topics  mqtt.Topics
	request *message.Request
	publish func(mqtt.Message) mqtt.Token
	// unreached is what to check where the broker does not let us in.
	unreached string

	wasUp, up bool
	sentAt    time.Time
	// answered: a status of the request came since it was published. What is retained from before is no answer:
	// the same id may have been used with other content.
	answered bool
	agent    string // the agent's state, "" while it is not known
	last     string // the last status written
	state    string // the request's last known state
}

// filters returns the subscriptions that a follower needs.
func (f *follower) filters() []string {
	return []string{f.topics.Agent(), f.topics.Rejects(), f.statusTopic()}
}

func (f *follower) statusTopic() string {
	return f.topics.Status(f.request.Terminal, f.request.RequestID)
}

func (f *follower) requestTopic() string {
	return f.topics.Request(f.request.Terminal, f.request.Kind)
}

// handle handles one event. done reports whether there is nothing more to follow; err then says how it ended, nil being well.
func (f *follower) handle(e event) (done bool, err error) {
	switch {
	case e.up:
		if f.wasUp {
			f.screen.note("connected to the broker again")
		}
		f.wasUp, f.up = true, true
		f.send()
	case e.down != nil:
		return f.handleDown(e.down)
	case e.message != nil:
		return f.take(*e.message)
	case !e.tick.IsZero() && f.up && !f.answered && e.tick.Sub(f.sentAt) >= resendAfter:
		f.screen.note("%s", f.silence())
		f.send()
	}
	return false, nil
}

// handleDown goes on after a lost connection, but gives up on one that could not be made: the person at the keyboard can
// mend that.
func (f *follower) handleDown(why error) (done bool, err error) {
	if !f.wasUp {
		return true, fmt.Errorf("%w; %s", why, f.unreached)
	}
	switch {
	case f.up && !f.answered && f.screen.now().Sub(f.sentAt) < deniedWithin:
		f.screen.note("no connection to the broker, trying again: %v; it ended with the request: may this login write %s?", why, f.requestTopic())
	case f.up:
		f.screen.note("no connection to the broker, trying again: %v", why)
	}
	f.up = false
	return false, nil
}

// send publishes the request. Whether it arrived is shown by its status, not by the broker; so its token is not used.
func (f *follower) send() {
	f.sentAt = f.screen.now()
	f.publish(mqtt.Message{Topic: f.requestTopic(), Payload: f.request.Raw})
}

// silence returns why there may be no answer.
func (f *follower) silence() string {
	const again = "; the same request is published again, which is safe"
	switch f.agent {
	case "":
		return "no answer, and no agent has ever spoken on " + f.topics.Agent() + ": is it running, with this topic_prefix?" + again
	case message.AgentOffline:
		return "no answer: the agent is offline" + again
	}
	return "no answer, though the agent is " + f.agent + ": may this login write " + f.requestTopic() + " and read " + f.statusTopic() + "?" + again
}

func (f *follower) take(d mqtt.Delivery) (done bool, err error) {
	if len(d.Payload) == 0 {
		return false, nil // a topic was cleared
	}
	switch d.Topic {
	case f.topics.Agent():
		f.takeAgent(d)
	case f.topics.Rejects():
		return f.takeReject(d)
	case f.statusTopic():
		return f.takeStatus(d)
	}
	return false, nil
}

func (f *follower) takeAgent(d mqtt.Delivery) {
	a, ok := read[message.AgentState](f.screen, d)
	if !ok || a.State == f.agent {
		return
	}
	if f.agent != "" || a.State != message.AgentOnline {
		f.screen.note("the agent is %s", agentWords(a, f.screen.local))
	}
	f.agent = a.State
}

// takeReject ends with the refusal of our own message, and not with one of another till's under our id on another topic.
func (f *follower) takeReject(d mqtt.Delivery) (done bool, err error) {
	r, ok := read[message.Reject](f.screen, d)
	if !ok || r.RequestID != f.request.RequestID || r.Topic != f.requestTopic() || r.Reason == nil {
		return false, nil
	}
	if f.json {
		if err := f.screen.raw(d.Payload); err != nil {
			return true, err
		}
	}
	return true, fmt.Errorf("%s %s was refused: %s", f.request.Kind, f.request.RequestID, term.Printable(reasonWords(*r.Reason)))
}

func (f *follower) takeStatus(d mqtt.Delivery) (done bool, err error) {
	s, ok := read[message.Status](f.screen, d)
	if !ok {
		return false, nil
	}
	f.answered = f.answered || !d.Retained
	f.state = s.State
	if err := f.show(d.Payload, s); err != nil {
		return true, err
	}
	if !f.answered || !s.Final {
		return false, nil
	}
	if endedWell(s.State) {
		return true, nil
	}
	text := fmt.Sprintf("%s %s ended %s", s.Kind, s.RequestID, s.State)
	if s.Reason != nil {
		text += ": " + reasonWords(*s.Reason)
	}
	return true, errors.New(term.Printable(text))
}

// show writes a status, unless it is the one that was written last.
func (f *follower) show(payload []byte, s message.Status) error {
	if f.json {
		if string(payload) == f.last {
			return nil
		}
		f.last = string(payload)
		return f.screen.raw(payload)
	}
	words := fmt.Sprintf("%s  %s  %s", s.Kind, s.RequestID, statusWords(s, f.screen.local))
	if words == f.last {
		return nil
	}
	f.last = words
	return f.screen.say(f.screen.now(), words)
}

// unfinished returns the error that says how far a request had come when it was followed no longer.
func (f *follower) unfinished(why string) error {
	known := "the agent has not answered: it may run as soon as the agent is back"
	if f.state != "" {
		known = "its last known state is " + f.state + ", and it goes on"
	}
	return fmt.Errorf("%s %s is not finished %s; %s; tillpost watch shows it", f.request.Kind, f.request.RequestID, why, known)
}
