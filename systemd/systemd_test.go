package systemd_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/systemd"
)

// values are those of a key, in their order.
func values(key string) []string {
	var all []string
	for line := range strings.Lines(systemd.Unit) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			all = append(all, value)
		}
	}
	return all
}

// TestWhatTheUnitMustHave: each of these was found out the hard way; the ADR on packages tells how.
func TestWhatTheUnitMustHave(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"Type": "notify", "Restart": "always", "WatchdogSec": "30", "StartLimitIntervalSec": "0", "User": "tillpost",
		"After": "network.target network-online.target time-sync.target",
	} {
		if got := values(key); len(got) != 1 || got[0] != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{
		"DynamicUser", "ProtectClock", "ProcSubset", "Wants", "Requires", "BindsTo", // see the ADR
		"RestartSteps", "RestartMaxDelaySec", // younger than systemd 247
		"EnvironmentFile", // a token in the environment can be read in /proc
	} {
		if got := values(key); len(got) != 0 {
			t.Errorf("%s is %q, and must not be there", key, got)
		}
	}
	if start, err := time.ParseDuration(values("TimeoutStartSec")[0] + "s"); err != nil || start < 2*time.Minute {
		t.Errorf("a large outbox on a slow card has %v to start, %v", start, err)
	}
	filters := values("SystemCallFilter")
	if i := slices.Index(filters, "adjtimex clock_adjtime"); i != len(filters)-1 {
		t.Errorf("adjtimex is not the last of the filters %q", filters)
	}
}
