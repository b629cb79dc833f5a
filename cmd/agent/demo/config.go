package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
)

// The names of the files in the demo's folder.
const (
	configName = "tillpost.toml"
	tokenName  = "token"
	logName    = "tillpost.log"
	orderName  = "order.json"
)

const organization = "ORG1000000001"

// addresses are where the daemon listens.
type addresses struct{ mqtt, http, callback string }

// configText is a whole configuration. The policy is hurried, so that its ends are seen within a minute.
const configText = `# Written by "tillpost demo", for its simulated Front Payment and for as long as that runs.
# Don't run a shop with it: see packaging/tillpost.toml.

[store]
name = "Demo"

[api]
base_url = "http://%[1]s/api/v1"
organization_uuid = "` + organization + `"
token_file = "` + tokenName + `"
requests_per_minute = 600

# The broker inside tillpost.
[mqtt.embedded]
listen = "%[2]s"

[outbox]
path = "outbox.db"

# Much shorter than in a shop, where a request in doubt asks for the staff after 150 s, and so on.
[policy]
poll_interval = "500ms"
busy_backoff_min = "500ms"
busy_backoff_max = "1s"
customer_timeout = "30s"
doubt_check = "3s"
doubt_hold = "60s"

# The API wants a customer's details also for who walks in.
[order_defaults]
sendOrderBy = { sms = false, email = true }
[order_defaults.customerDetails]
type = "private"
name = "Walk-in customer"
countryCode = "+47"
msisdn = "40000000"
email = "receipts@shop.example"
address = { street = "Street 1", zip = "0001", city = "Oslo", country = "NO" }

# Front Payment calls here when a customer has paid; tillpost then asks it.
[callback]
listen = "%[3]s"
public_url = "http://%[3]s"

[http]
listen = "%[4]s"
`

// orderText is about the least that an order can be, with the shop's defaults behind it.
const orderText = `{
  "requestId": "mine-1",
  "order": {
    "products": [{"name": "Tea", "productId": "TEA", "quantity": "1", "rate": 42, "discount": 0, "tax": "0", "amount": 42}],
    "orderSummary": {"subTotal": "42.00", "totalTax": "0.00", "totalDiscount": "0.00", "grandTotal": "42.00"},
    "receiptPrint": false
  }
}
`

// configure writes the configuration, the token that it names and an order to play with, and returns where the first is.
func configure(dir, api, token string, a addresses) (string, error) {
	if err := os.WriteFile(filepath.Join(dir, tokenName), []byte(token+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write the demo's token: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, orderName), []byte(orderText), 0o600); err != nil {
		return "", fmt.Errorf("write the demo's order: %w", err)
	}
	path := filepath.Join(dir, configName)
	text := fmt.Sprintf(configText, api, a.mqtt, a.callback, a.http)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the demo's configuration: %w", err)
	}
	return path, nil
}

// freeAddresses finds loopback ports that nobody has at the moment. Another program may take one before the daemon does;
// the caller then tries others.
func freeAddresses(ctx context.Context) (a addresses, err error) {
	var held []net.Listener // until all are found, so that each is another one
	defer func() {
		for _, l := range held {
			err = errors.Join(err, l.Close())
		}
	}()
	for _, to := range []*string{&a.mqtt, &a.http, &a.callback} {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return a, fmt.Errorf("find a free port on 127.0.0.1: %w", err)
		}
		*to, held = l.Addr().String(), append(held, l)
	}
	return a, nil
}
