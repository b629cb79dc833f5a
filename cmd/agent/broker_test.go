package main

import (
	"testing"

	"tillpost/agent/config"
)

func TestLoginReplacesTheAgents(t *testing.T) {
	t.Parallel()
	cfg := &config.Config{MQTT: config.MQTT{URL: "tcp://b:1883", Username: "agent", PasswordFile: "agent-file"}}
	if got := (&login{}).in(cfg); got != cfg {
		t.Error("without a login the configuration changed")
	}
	got := (&login{"till-1", "till-file"}).in(cfg)
	if got.MQTT.Username != "till-1" || got.MQTT.PasswordFile != "till-file" || got.MQTT.URL != cfg.MQTT.URL {
		t.Errorf("%+v", got.MQTT)
	}
	if cfg.MQTT.Username != "agent" {
		t.Error("the configuration itself was changed")
	}
	if got := (&login{username: "till-1"}).in(cfg); got.MQTT.PasswordFile != "" {
		t.Error("the agent's password goes with another name")
	}
}
