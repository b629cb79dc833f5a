package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tillpost/agent/config"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// maxFile bounds what is read as a payload, which may have a sixteenth of it: a mistaken file is not read for ever.
const maxFile = 16 * message.MaxPayload

// readPayload reads a file; "-" is in.
func readPayload(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("read the payload: %w; name its file, or - for standard input", err)
		}
		defer func() { _ = f.Close() }() // only read from
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the payload: %w; name its file, or - for standard input", err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s has more than %d KiB: it is no request", name, maxFile>>10)
	}
	return data, nil
}

// completed is a payload with what a person at a keyboard may leave out.
type completed struct {
	payload []byte
	// wrapped and newID are what was added; newID is "" where the payload has an id.
	wrapped bool
	newID   string
}

// complete puts an envelope around a bare order, and an id into an envelope without one. Everything else stays byte for
// byte as it is, and is not checked here.
func complete(k mqtt.Kind, data []byte, newID func() string) completed {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) // Windows' Notepad puts it there
	var members map[string]json.RawMessage
	has := func(name string) bool { _, ok := members[name]; return ok }
	if json.Unmarshal(data, &members) != nil || members == nil || has("requestId") {
		return completed{payload: data} // decoding says what it is
	}
	id, comma := newID(), ","
	if k == mqtt.KindOrder && has("products") && !has("order") {
		return completed{payload: fmt.Appendf(nil, `{"requestId":%q,"order":%s}`, id, data), wrapped: true, newID: id}
	}
	if len(members) == 0 {
		comma = ""
	}
	return completed{payload: fmt.Appendf(nil, `{"requestId":%q%s%s`, id, comma, data[1:]), newID: id}
}

// decode checks a payload by the rules that the agent with this configuration has at its door. name is where the payload
// is from.
func decode(cfg *config.Config, topic, name string, payload []byte) (*message.Request, error) {
	request, refused := message.Decode(mqtt.Topics{Prefix: cfg.MQTT.TopicPrefix}, topic, false, payload, message.Rules{
		AllowPersonalNumber:    cfg.Policy.AllowPersonalNumber,
		HasCustomerDefaults:    cfg.OrderDefaults.CustomerDetails != nil,
		HasSendOrderByDefaults: cfg.OrderDefaults.SendOrderBy != nil,
		Location:               cfg.Store.Location,
		Now:                    time.Now(),
		ClockKnown:             true,
	})
	if refused == nil {
		return request, nil
	}
	if len(refused.Errors) == 0 {
		return nil, fmt.Errorf("%s: nothing was sent: %w", name, refused)
	}
	var faults []string
	for _, f := range refused.Errors {
		faults = append(faults, fmt.Sprintf("%s: nothing was sent: %s: %s", name, refused.Code, fieldWords(f)))
	}
	return nil, &faultsError{faults}
}

// parseKind returns a kind by its name or by the last level of its topic.
func parseKind(name string) (mqtt.Kind, error) {
	for _, level := range []string{name, name + "s"} {
		if k, ok := mqtt.KindOf(level); ok {
			return k, nil
		}
	}
	var kinds []string
	for _, k := range mqtt.Kinds() {
		kinds = append(kinds, string(k))
	}
	return "", usagef("%q is no kind of request; write one of %s", name, strings.Join(kinds, ", "))
}
