package setup

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/pelletier/go-toml/v2"
)

// ParseWalkIn reads what orders without a customer get: an object in JSON or TOML, the customer's details alone, or
// customerDetails and sendOrderBy beside each other. No error repeats a value.
func (a *Answers) ParseWalkIn(data []byte) error {
	data = bytes.TrimSpace(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	var all map[string]any
	if bytes.HasPrefix(data, []byte("{")) {
		if json.Unmarshal(data, &all) != nil {
			return errors.New("it is no JSON")
		}
	} else if toml.Unmarshal(data, &all) != nil {
		return errors.New("it is neither JSON nor TOML")
	}
	if defaults, ok := all["order_defaults"].(map[string]any); ok {
		all = defaults
	}
	details, wrapped := all["customerDetails"].(map[string]any)
	if !wrapped {
		details = all
	}
	if send, ok := all["sendOrderBy"].(map[string]any); ok && wrapped {
		raw, err := json.Marshal(send)
		if err != nil {
			return errors.New("sendOrderBy can't be written as JSON")
		}
		a.SendOrderBy = raw
	}
	raw, err := json.Marshal(details)
	if err != nil {
		return errors.New("the customer can't be written as JSON")
	}
	a.Customer = raw
	return firstFault(Answers{Customer: a.Customer, SendOrderBy: a.SendOrderBy}, "order_defaults")
}
