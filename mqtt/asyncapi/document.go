package main

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// channel is one topic of tillpost and the one kind of message on it.
type channel struct {
	// name is the channel's, message its message's, payload the schema's.
	name, message, payload string
	address                string
	title, summary         string
	// incoming is what tills publish; the agent publishes the rest, retained or not.
	incoming, retained bool
}

// What topics begin with.
const (
	prefix   = "{prefix}"
	terminal = prefix + "/terminals/{terminalUuid}/"
)

var channels = []channel{
	request("order", "Place an order", "The terminal shows the amount and the customer pays."),
	request("refund", "Refund or reverse an order", "In part, or all that is left."),
	request("approval", "Ask for the approval of a refund", "For refunds over a threshold; a person at Front Payment decides."),
	request("cancel", "Cancel an order or a refund", "At once while it is queued; else it is a wish, and the end of the target tells."),
	request("resend", "Show an order on its terminal again", "For a terminal that lost it."),
	request("check", "Ask for the status now", "The answer is the status of the request or order that is meant."),
	request("resolution", "Settle a request in doubt", "A named person decides what tillpost could not find out."),
	{name: "status", message: "status", payload: "status", address: terminal + "status/{requestId}", retained: true, title: "How a request is",
		summary: "Told with each change. Only the state queued, or a later one, means that tillpost has the request: until then the till publishes it again under the same requestId."},
	{name: "display", message: "display", payload: "display", address: terminal + "display", retained: true, title: "What a customer-facing display should show",
		summary: "With texts in five languages."},
	{name: "terminals", message: "terminals", payload: "terminals", address: prefix + "/terminals", retained: true, title: "The terminals",
		summary: "With how many requests wait for each."},
	{name: "agent", message: "agent", payload: "agent", address: prefix + "/agent", retained: true, title: "How the agent is",
		summary: "Also the last will: the broker tells offline when the agent can't."},
	{name: "rejects", message: "reject", payload: "reject", address: prefix + "/rejects", title: "Messages that were refused at the door",
		summary: "Each with the reason, and a JSON pointer to each fault."},
}

func request(kind, title, summary string) channel {
	return channel{name: kind + "s", message: kind, payload: kind + "Request", address: terminal + kind + "s", title: title, summary: summary, incoming: true}
}

// parameters of addresses, in the order in which addresses have them.
var parameters = object{
	{"prefix", object{{"description", "mqtt.topic_prefix of the agent's configuration; it may have several levels."}, {"default", "tillpost"}}},
	{"terminalUuid", object{{"description", "The terminal's uuid, as the list of terminals tells it."}, {"examples", []any{"TRML1000000001"}}}},
	{"requestId", object{{"description", "The requestId of the request, of the characters A-Z a-z 0-9 . _ : - and at most 64 of them."}}},
}

const about = `tillpost stands beside a card terminal and carries tills' requests to it, over MQTT.

A till publishes a request on the topic of its kind, with QoS 1 and without the retain flag, and follows the retained status topic that bears its requestId. A request is safe once its status is told for the first time, queued: it is on disk then. A till that does not see that publishes the same request again, under the same requestId. It stays one request, however often it is published.

The operations here are the agent's: it receives what tills publish, and sends what they read.`

// document returns the whole AsyncAPI document.
func document() (object, error) {
	schemas, err := components()
	if err != nil {
		return nil, err
	}
	messages, all, ops := object{}, object{}, object{}
	for _, c := range channels {
		m, err := c.describe()
		if err != nil {
			return nil, err
		}
		messages = append(messages, member{c.message, m})
		all = append(all, member{c.name, c.channel()})
		ops = append(ops, c.operation())
	}
	return object{
		{"asyncapi", "3.0.0"},
		{"info", object{
			{"title", "tillpost"},
			{"version", "1.0.0"},
			{"description", about},
			{"license", object{{"name", "Apache-2.0"}, {"url", "https://www.apache.org/licenses/LICENSE-2.0"}}},
		}},
		{"defaultContentType", "application/json"},
		{"servers", object{
			{"broker", server("mqtt", "The shop's broker, within its own network or on the same machine.", "localhost:1883")},
			{"brokerTLS", server("mqtts", "The shop's broker over TLS.", "broker:8883")},
		}},
		{"channels", all},
		{"operations", ops},
		{"components", object{{"parameters", parameters}, {"messages", messages}, {"schemas", schemas}}},
	}, nil
}

func server(protocol, description, address string) object {
	return object{
		{"host", "{address}"}, {"protocol", protocol}, {"protocolVersion", "3.1.1"}, {"description", description},
		{"variables", object{{"address", object{{"description", "Host and port of the broker."}, {"default", address}}}}},
	}
}

func (c channel) channel() object {
	used := object{}
	for _, p := range parameters {
		if strings.Contains(c.address, "{"+p.key+"}") {
			used = append(used, member{p.key, ref("components", "parameters", p.key)})
		}
	}
	return object{
		{"address", c.address},
		{"title", c.title},
		{"messages", object{{c.message, ref("components", "messages", c.message)}}},
		{"parameters", used},
	}
}

// operation returns the operation under a name like "receiveOrder" and "sendStatus".
func (c channel) operation() member {
	action := "send"
	if c.incoming {
		action = "receive"
	}
	o := object{
		{"action", action},
		{"channel", ref("channels", c.name)},
		{"title", c.title},
		{"summary", c.summary},
		{"bindings", object{{"mqtt", object{{"qos", json.Number("1")}, {"retain", c.retained}, {"bindingVersion", "0.2.0"}}}}},
		{"messages", []any{ref("channels", c.name, "messages", c.message)}},
	}
	if c.incoming {
		o = append(o, member{"reply", object{
			{"channel", ref("channels", "status")},
			{"messages", []any{ref("channels", "status", "messages", "status")}},
		}})
	}
	return member{action + strings.ToUpper(c.message[:1]) + c.message[1:], o}
}

//go:embed examples/*.json
var examples embed.FS

// describe returns the message with its examples: the files examples/MESSAGE.json and examples/MESSAGE-NAME.json.
func (c channel) describe() (object, error) {
	files, err := fs.Glob(examples, "examples/"+c.message+"*.json")
	if err != nil {
		return nil, err
	}
	var list []any
	for _, file := range files {
		payload, err := read(examples, file)
		if err != nil {
			return nil, err
		}
		list = append(list, object{{"name", strings.TrimSuffix(path.Base(file), ".json")}, {"payload", payload}})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("message %s has no example", c.message)
	}
	return object{
		{"name", c.message},
		{"title", c.title},
		{"payload", ref("components", "schemas", c.payload)},
		{"examples", list},
	}, nil
}

func ref(parts ...string) object {
	return object{{"$ref", "#/" + strings.Join(parts, "/")}}
}
