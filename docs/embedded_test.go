package docs_test

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"tillpost/agent/config"
	"tillpost/mqtt"
	"tillpost/mqtt/broker"
)

// TestEmbeddedBrokerPage: the configuration and the users file that the page shows are taken as they are, but for the
// hashes that a reader fills in.
func TestEmbeddedBrokerPage(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range fence.FindAllStringSubmatch(read(t, "embedded-broker.md"), -1) {
		blocks = append(blocks, m[3])
	}
	if len(blocks) != 3 {
		t.Fatalf("the page has %d blocks", len(blocks))
	}
	rest := "terminals = [\"TRML1216693970\"]\n[api]\nbase_url = \"https://api.example.com/api/v1\"\n"
	if c, err := config.Parse("page", []byte(rest+blocks[0])); err != nil || c.MQTT.Embedded == nil || c.MQTT.Embedded.UsersFile == "" {
		t.Errorf("the configuration: %v", err)
	}
	if c, err := config.Parse("page", []byte(rest+blocks[2])); err != nil || c.MQTT.Embedded.WebSocketListen == "" || len(c.MQTT.Embedded.WebSocketOrigins) != 1 {
		t.Errorf("the configuration for browsers: %v", err)
	}
	topics := mqtt.Topics{Prefix: "tillpost"}
	if _, err := broker.ParseUsers(topics, strings.ReplaceAll(blocks[1], "HASH", string(hash))); err != nil {
		t.Errorf("the users file: %v", err)
	}
	if _, err := broker.ParseUsers(topics, blocks[1]); err == nil {
		t.Error("the users file is taken with the hashes not filled in")
	}
}
