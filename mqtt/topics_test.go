package mqtt

import (
	"strings"
	"testing"
)

func TestTopics(t *testing.T) {
	t.Parallel()
	topics := Topics{Prefix: "shop/oslo"}
	for got, want := range map[string]string{
		topics.Orders("T1"):                  "shop/oslo/terminals/T1/orders",
		topics.Request("T1", KindResolution): "shop/oslo/terminals/T1/resolutions",
		topics.Status("T1", "r:1"):           "shop/oslo/terminals/T1/status/r:1",
		topics.Display("T1"):                 "shop/oslo/terminals/T1/display",
		topics.Terminals():                   "shop/oslo/terminals",
		topics.Agent():                       "shop/oslo/agent",
		topics.Rejects():                     "shop/oslo/rejects",
		topics.RequestFilter():               "shop/oslo/terminals/+/+",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	if !topics.OwnTopic(topics.Display("T1")) || topics.OwnTopic(topics.Orders("T1")) || topics.OwnTopic(topics.Status("T1", "display")) {
		t.Error("own topics are not told from requests")
	}
	for _, k := range Kinds() {
		terminal, segment, ours := topics.Parse(topics.Request("T1", k))
		if back, ok := KindOf(segment); !ours || terminal != "T1" || !ok || back != k {
			t.Errorf("%s: %s %s %v", k, terminal, segment, ours)
		}
	}
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "+", "a/#", "$SYS", strings.Repeat("a", 300)} {
		if ValidatePrefix(bad) == nil {
			t.Errorf("prefix %q is taken", bad)
		}
	}
	if err := ValidatePrefix(topics.Prefix); err != nil {
		t.Error(err)
	}
}
