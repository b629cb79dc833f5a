package mqtttest

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tillpost/mqtt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMosquittoRemembersAndForgets(t *testing.T) {
	t.Parallel()
	broker := StartMosquitto(t, MosquittoOptions{Persistence: true})
	publish := func(payload string) {
		till := Connect(t, broker.URL)
		till.Publish(mqtt.Message{Topic: "a/b", Payload: []byte(payload), Retained: payload == "kept"})
		till.Close()
	}
	publish("kept")
	broker.Restart()
	if m := receive(t, Connect(t, broker.URL).Watch("a/b"), "what was kept"); string(m.Payload) != "kept" || !m.Retained {
		t.Errorf("after a restart: %+v", m)
	}
	broker.RestartForgetful()
	seen := Connect(t, broker.URL).Watch("a/b")
	publish("new")
	if m := receive(t, seen, "the new one"); string(m.Payload) != "new" {
		t.Errorf("after it forgot: %+v", m)
	}
	if !strings.Contains(broker.Output(), "running") {
		t.Errorf("its log is %q", broker.Output())
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		filter, topic string
		want          bool
	}{
		{"a/+/c", "a/b/c", true},
		{"a/+/c", "a//c", true},
		{"a/+/c", "a/b/c/d", false},
		{"a/+", "a", false},
		{"a/#", "a", true},
		{"a/#", "a/b/c", true},
		{"#", "a/b", true},
		{"a/b", "a/b", true},
		{"a/b", "a/c", false},
	} {
		if got := matches(tt.filter, tt.topic); got != tt.want {
			t.Errorf("%s matches %s: %t", tt.filter, tt.topic, got)
		}
	}
}
