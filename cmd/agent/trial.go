package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/govalues/decimal"

	"tillpost/agent/config"
	"tillpost/internal/term"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// trial is one order that is taken off its terminal again. It is driven by one goroutine.
type trial struct {
	cfg             *config.Config
	terminal, order string
	screen          *screen
	topics          mqtt.Topics
	publish         func(mqtt.Message) mqtt.Token

	wasUp bool
	// waiting is what was published and has no status yet; after a while, and on each connect, it is published again.
	waiting map[string]*published
	said    string // the last status of the order that was shown
	state   string
	shown   bool // the order came to the terminal
	refund  string
}

type published struct {
	kind    mqtt.Kind
	payload []byte
	sentAt  time.Time
}

// prepare makes the order, and checks it as the agent will.
func (t *trial) prepare(amount decimal.Decimal) error {
	payload, err := tryOrder(t.cfg, t.order, amount)
	if err != nil {
		return err
	}
	if _, err := decode(t.cfg, t.topics.Request(t.terminal, mqtt.KindOrder), "the order", payload); err != nil {
		return err
	}
	t.waiting = map[string]*published{t.order: {kind: mqtt.KindOrder, payload: payload}}
	t.screen.note("a real order of %s %s at %s, %s", amount, t.cfg.Store.Currency, t.terminal, t.order)
	return nil
}

// handle handles one event. done reports whether the trial is over; err then says why it failed, nil being well.
func (t *trial) handle(e event) (done bool, err error) {
	switch {
	case e.up:
		t.wasUp = true
		for id := range t.waiting {
			t.send(id)
		}
	case e.down != nil && !t.wasUp:
		return true, fmt.Errorf("%w; %s", e.down, unreached(t.cfg.MQTT))
	case e.down != nil:
		t.screen.note("no connection to the broker, trying again: %v", e.down)
	case e.message != nil:
		return t.take(*e.message)
	case !e.tick.IsZero() && t.wasUp:
		for id, m := range t.waiting {
			if e.tick.Sub(m.sentAt) >= resendAfter {
				t.screen.note("no answer: the same request is published again, which is safe")
				t.send(id)
			}
		}
	}
	return false, nil
}

// send publishes what waits under an id. Whether it arrived is shown by its status.
func (t *trial) send(id string) {
	m := t.waiting[id]
	m.sentAt = t.screen.now()
	t.publish(mqtt.Message{Topic: t.topics.Request(t.terminal, m.kind), Payload: m.payload})
}

// ask publishes one more request of the trial.
func (t *trial) ask(k mqtt.Kind, members map[string]any) (id string, err error) {
	id = uuid.NewString()
	members["requestId"] = id
	payload, err := json.Marshal(members)
	if err != nil {
		return "", err
	}
	t.waiting[id] = &published{kind: k, payload: payload}
	t.send(id)
	return id, nil
}

func (t *trial) take(d mqtt.Delivery) (done bool, err error) {
	if len(d.Payload) == 0 || d.Topic == t.topics.Agent() {
		return false, nil
	}
	if d.Topic == t.topics.Rejects() {
		r, ok := read[message.Reject](t.screen, d)
		if ok && t.waiting[r.RequestID] != nil && r.Reason != nil {
			return true, fmt.Errorf("it was refused: %s", term.Printable(reasonWords(*r.Reason)))
		}
		return false, nil
	}
	s, ok := read[message.Status](t.screen, d)
	if !ok {
		return false, nil
	}
	delete(t.waiting, s.RequestID)
	switch s.RequestID {
	case t.order:
		return t.ordered(s)
	case t.refund:
		return t.refunded(s)
	}
	return false, nil
}

// ordered handles a status of the order.
func (t *trial) ordered(s message.Status) (done bool, err error) {
	if err := t.show(s); err != nil {
		return true, err
	}
	if t.state == s.State {
		return false, nil
	}
	t.state = s.State
	switch s.State {
	case "awaiting_customer":
		if !t.shown {
			t.shown = true
			_, err = t.ask(mqtt.KindCancel, map[string]any{"target": t.order})
		}
		return err != nil, err
	case "paid":
		t.screen.note("somebody was quicker and has paid: it is paid back")
		t.refund, err = t.ask(mqtt.KindRefund, map[string]any{"orderRequestId": t.order, "full": true})
		return err != nil, err
	case "cancelled":
		if !t.shown {
			return true, errors.New("the order was cancelled before it came to the terminal: " + statusWords(s, t.screen.local))
		}
		return true, t.screen.say(t.screen.now(), "all is well: the order came to the terminal, and is off it again")
	}
	if s.Final {
		return true, errors.New("the order did not come to the terminal: " + statusWords(s, t.screen.local))
	}
	return false, nil
}

// refunded handles a status of the refund.
func (t *trial) refunded(s message.Status) (done bool, err error) {
	if err := t.show(s); err != nil || !s.Final {
		return err != nil, err
	}
	if s.State == "refunded" {
		return true, t.screen.say(t.screen.now(), "all is well: the order was paid at the terminal, and paid back")
	}
	return true, fmt.Errorf("the order was paid, and could not be paid back: %s; pay it back by hand: tillpost show %s", statusWords(s, t.screen.local), t.order)
}

func (t *trial) show(s message.Status) error {
	words := fmt.Sprintf("%s  %s", s.Kind, statusWords(s, t.screen.local))
	if words == t.said {
		return nil
	}
	t.said = words
	return t.screen.say(t.screen.now(), words)
}
