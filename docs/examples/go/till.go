// Till takes a payment through tillpost, follows it to its end, and pays it back.
package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/google/uuid"
)

var waitingFor = map[string]string{
	"behind":          "other customers are first",
	"terminalIsBusy":  "the terminal is busy; it is tried again by itself",
	"apiUnreachable":  "no connection to Front Payment; it is kept, and sent when the line is back",
	"waitingForOrder": "the payment itself has not ended yet",
}

var states = map[string]string{
	"queued":            "It is safe with tillpost.",
	"sending":           "It is on its way to Front Payment.",
	"awaiting_customer": "The terminal shows it: please pay.",
	"awaiting_refund":   "The terminal pays it back.",
	"awaiting_approval": "Somebody at Front Payment has to approve it; that can take days.",
	"cancelling":        "It is being taken off the terminal.",
	"in_doubt":          "It may have gone through or not. Do NOT repeat it, in cash or by card: tillpost is looking.",
	"paid":              "Paid. Thank you!",
	"refunded":          "The money is on its way back.",
	"declined":          "Declined. Another card is another order, with a new requestId.",
	"cancelled":         "Cancelled: it is not paid.",
	"expired":           "It had to wait too long and was never sent. Nothing was charged.",
	"rejected":          "Refused.",
	"unresolved":        "Nobody knows whether it went through. Call the shift leader, and do NOT repeat it.",
}

const needsStaff = "It found no trace so far. Call the shift leader: a person has to decide."

// message holds what the till reads of a status, of a reject and of the agent's own state.
type message struct {
	RequestID string `json:"requestId"`
	Topic     string `json:"topic"`
	State     string `json:"state"`
	Final     bool   `json:"final"`
	Late      bool   `json:"late"`
	Waiting   struct {
		Code string `json:"code"`
	} `json:"waiting"`
	Reason struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"reason"`
}

type object map[string]any

// till is connected to the broker. Its methods are for one goroutine.
type till struct {
	client           paho.Client
	inbox            chan paho.Message // what the broker brings, for the one goroutine that decides
	topics           sync.Map          // what to read, again after each connect
	prefix, terminal string
	patience         time.Duration
}

func connect(broker, username, passwordFile string, t *till) error {
	o := paho.NewClientOptions().AddBroker(broker).SetClientID("till-" + uuid.NewString()[:8]).SetKeepAlive(15 * time.Second)
	if username != "" {
		password, err := os.ReadFile(passwordFile)
		if err != nil {
			return err
		}
		o.SetUsername(username).SetPassword(strings.TrimSpace(string(password)))
	}
	// It connects again by itself. The session is clean: subscribe each time. Statuses are retained, so nothing is missed.
	o.SetMaxReconnectInterval(10 * time.Second).SetOnConnectHandler(func(paho.Client) {
		t.topics.Range(func(topic, _ any) bool { t.subscribe(fmt.Sprint(topic)); return true })
	})
	t.client = paho.NewClient(o)
	token := t.client.Connect()
	token.Wait()
	return token.Error()
}

func (t *till) subscribe(topic string) paho.Token {
	t.topics.Store(topic, true)
	return t.client.Subscribe(topic, 1, func(_ paho.Client, m paho.Message) { t.inbox <- m })
}

// carryOut publishes a request until tillpost has it, follows it, and returns the state that ends it.
func (t *till) carryOut(kind, id string, request object) (string, error) {
	base := t.prefix + "/terminals/" + t.terminal
	topic, statusTopic := base+"/"+kind+"s", base+"/status/"+id
	payload, err := json.Marshal(request) // once: what is published again has to be the same
	if err != nil {
		return "", err
	}
	for _, topic := range []string{statusTopic, t.prefix + "/rejects", t.prefix + "/agent"} {
		t.subscribe(topic).WaitTimeout(t.patience) // first the ears, then the mouth: a refusal is told once
	}
	// Never retained: it would run again on every connect. The broker's acknowledgement is no promise, only a status is.
	t.client.Publish(topic, 1, false, payload)
	say(kind, "published as "+id)
	again := time.NewTicker(t.patience)
	defer again.Stop()
	known, told := false, ""
	for {
		var came paho.Message
		select {
		case <-again.C:
			say(kind, "no answer from tillpost yet: published again under the same requestId")
			t.client.Publish(topic, 1, false, payload) // it stays one request
			continue
		case came = <-t.inbox:
		}
		var m message
		if len(came.Payload()) == 0 { // a cleared topic
			continue
		}
		if err := json.Unmarshal(came.Payload(), &m); err != nil {
			return "", fmt.Errorf("%s: %w", came.Topic(), err)
		}
		switch {
		case came.Topic() == t.prefix+"/agent" && m.State == "offline":
			say(kind, "tillpost is offline; "+map[bool]string{true: "it has the request on disk", false: "the request is not safe yet"}[known])
		case came.Topic() == t.prefix+"/rejects" && m.RequestID == id && m.Topic == topic:
			m.State, m.Final = "rejected", true
		case came.Topic() == statusTopic:
			known = true
			again.Stop()
		default:
			continue
		}
		if words := m.describe(); words != told && m.RequestID == id {
			told = words
			say(kind, words)
		}
		if m.Final {
			if m.Reason.Code != "" {
				say(kind, "reason: "+m.Reason.Code+": "+m.Reason.Message)
			}
			return m.State, nil
		}
	}
}

func (m message) describe() string {
	words := m.State + ": " + states[m.State]
	switch code := m.Waiting.Code; code {
	case "", "checking":
	case "needs_staff":
		words += " " + needsStaff
	default:
		words += " Waiting: " + cmp.Or(waitingFor[code], code) + "."
	}
	if m.Late {
		words += " This came after another end had been told: call the shift leader."
	}
	return words
}

func say(kind, words string) { fmt.Printf("%-6s  %s\n", kind, words) }

func order(id, amount string) object {
	return object{"requestId": id, "order": object{
		"products":     []object{{"name": "Hair wash", "quantity": "1", "rate": amount, "tax": "0", "amount": amount}},
		"orderSummary": object{"subTotal": amount, "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": amount},
		"receiptPrint": false,
		// The shop's own, for a walk-in customer; [order_defaults] in tillpost's configuration spares the till these two.
		"sendOrderBy": object{"sms": false, "email": true},
		"customerDetails": object{
			"type": "private", "countryCode": "+47", "msisdn": "40000000", "email": "till@shop.example", "name": "Walk-in",
			"address": object{"street": "Storgata 1", "zip": "0155", "city": "Oslo", "country": "NO"},
		},
	}}
}

var errUnpaid, errUnknown = errors.New("it did not end as wished"), errors.New("how it ended is not known")

func run() error {
	t := &till{inbox: make(chan paho.Message, 64)}
	broker := flag.String("broker", "tcp://localhost:1883", "or ssl://host:8883")
	username := flag.String("username", "", "name at the broker")
	passwordFile := flag.String("password-file", "", "file with the password")
	flag.StringVar(&t.prefix, "prefix", "tillpost", "mqtt.topic_prefix of tillpost")
	flag.StringVar(&t.terminal, "terminal", "TRML1000000001", "the terminal's uuid")
	flag.DurationVar(&t.patience, "patience", 5*time.Second, "time before a request is published again")
	amount := flag.String("amount", "42.00", "kroner with two decimals, never a float")
	id := flag.String("request-id", uuid.NewString(), "go on with a request that was begun before")
	flag.Parse()
	if err := connect(*broker, *username, *passwordFile, t); err != nil {
		return fmt.Errorf("no connection to the broker: %w; nothing was sent", err)
	}
	defer t.client.Disconnect(250)
	// A real till writes the id down with the sale before it publishes. After a crash it goes on under the same id.
	state, err := t.carryOut("order", *id, order(*id, *amount))
	if err == nil && state == "paid" {
		// The refund's id is made of the sale's, so that a second run does not pay back twice.
		state, err = t.carryOut("refund", *id+".refund", object{"requestId": *id + ".refund", "orderRequestId": *id, "full": true})
	}
	switch {
	case err != nil:
		return err
	case state == "unresolved":
		return errUnknown
	case state != "refunded":
		return errUnpaid
	}
	return nil
}

func main() {
	err := run()
	switch {
	case errors.Is(err, errUnknown):
		os.Exit(3)
	case errors.Is(err, errUnpaid):
		os.Exit(1)
	case err != nil:
		fmt.Fprintln(os.Stderr, "till:", err)
		os.Exit(1)
	}
}
