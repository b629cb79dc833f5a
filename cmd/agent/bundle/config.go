package bundle

import (
	"encoding/json"
	"os"
	"strings"

	"go.yaml.in/yaml/v2"

	"tillpost/agent/config"
)

// Config returns what a bundle shows of a configuration: the keys that are listed here.
func Config(c *config.Config) ([]byte, error) {
	set := func(s string) string {
		if s == "" {
			return "not set"
		}
		return "set"
	}
	shown := map[string]any{
		"terminals":  c.Terminals,
		"store.name": c.Store.Name, "store.timezone": c.Store.Location.String(), "store.currency": c.Store.Currency,
		"api.base_url": c.API.BaseURL, "api.organization_uuid": c.API.OrganizationUUID, "api.token_file": c.API.TokenFile,
		"api.timeout": c.API.Timeout.String(), "api.ca_file": c.API.CAFile, "api.requests_per_minute": c.API.RequestsPerMinute,
		"mqtt.url": c.MQTT.URL, "mqtt.client_id": c.MQTT.ClientID, "mqtt.username": set(c.MQTT.Username), "mqtt.topic_prefix": c.MQTT.TopicPrefix,
		"mqtt.password_file": c.MQTT.PasswordFile, "mqtt.ca_file": c.MQTT.CAFile, "mqtt.cert_file": c.MQTT.CertFile,
		"outbox.path": c.Outbox.Path, "outbox.retention": c.Outbox.Retention.String(),
		"policy.order_ttl": c.Policy.OrderTTL.String(), "policy.refund_ttl": c.Policy.RefundTTL.String(),
		"policy.customer_timeout": c.Policy.CustomerTimeout.String(), "policy.resend_after": c.Policy.ResendAfter.String(),
		"policy.busy_means": string(c.Policy.BusyMeans), "policy.doubt_check": c.Policy.DoubtCheck.String(), "policy.doubt_hold": c.Policy.DoubtHold.String(),
		"policy.allow_personal_number": c.Policy.AllowPersonalNumber, "policy.poll_interval": c.Policy.PollInterval.String(),
		"policy.busy_backoff_min": c.Policy.BusyBackoffMin.String(), "policy.busy_backoff_max": c.Policy.BusyBackoffMax.String(),
		"order_defaults.customerDetails": set(string(c.OrderDefaults.CustomerDetails)), "order_defaults.sendOrderBy": c.OrderDefaults.SendOrderBy,
		"http.listen": c.HTTP.Listen, "http.web_config_file": c.HTTP.WebConfigFile,
		"log.level": c.Log.Level.String(), "log.format": string(c.Log.Format),
	}
	if e := c.MQTT.Embedded; e != nil {
		shown["mqtt.embedded.listen"], shown["mqtt.embedded.users_file"], shown["mqtt.embedded.cert_file"] = e.Listen, e.UsersFile, e.CertFile
	}
	if cb := c.Callback; cb != nil {
		shown["callback.listen"], shown["callback.public_url"] = cb.Listen, set(cb.PublicURL)
	}
	text, err := json.MarshalIndent(shown, "", "  ")
	return append(text, '\n'), err
}

// Secrets returns the texts that must stand nowhere in a bundle, as far as a configuration leads to them; c may be nil.
func Secrets(c *config.Config) []string {
	secrets := []string{os.Getenv("TILLPOST_API_TOKEN"), os.Getenv("TILLPOST_WEB_PASSWORD")}
	if c == nil {
		return secrets
	}
	if token, err := c.Token(); err == nil {
		secrets = append(secrets, token)
	}
	if read := c.PasswordReader(); read != nil {
		if password, err := read(); err == nil {
			secrets = append(secrets, password)
		}
	}
	secrets = append(secrets, c.MQTT.Username)
	var web struct {
		Users map[string]string `yaml:"basic_auth_users"`
	}
	if raw, err := os.ReadFile(c.HTTP.WebConfigFile); err == nil && yaml.Unmarshal(raw, &web) == nil {
		for _, hash := range web.Users {
			secrets = append(secrets, hash)
		}
	}
	var customer struct {
		Name, Msisdn, Email, OrganizationID string
		Address                             struct{ Street string }
	}
	if json.Unmarshal(c.OrderDefaults.CustomerDetails, &customer) == nil {
		secrets = append(secrets, customer.Name, customer.Msisdn, customer.Email, customer.OrganizationID, customer.Address.Street)
	}
	for i, s := range secrets {
		if strings.EqualFold(s, "tillpost") { // a login of that name is none that could be told from the program's
			secrets[i] = ""
		}
	}
	return secrets
}
