package topic

import (
	"strings"
	"testing"
)

func TestPrefixFault(t *testing.T) {
	t.Parallel()
	for prefix, want := range map[string]string{
		"tillpost": "", "shops/oslo": "", "blå butikk": "", "a$": "", strings.Repeat("x", 100): "",
		"": "is empty", "a/+": "wildcard", "#": "wildcard", "/a": "empty level", "a/": "empty level", "a//b": "empty level", "/": "empty level",
		"$SYS": "begins with $", "a\x00": "control character", "a\tb": "control character", strings.Repeat("x", 101): "is longer than 100 bytes",
	} {
		if got := PrefixFault(prefix); !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%q: %q, want %q", prefix, got, want)
		}
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{
		"TRML1000000001": true, "a.b_c:d-e": true, "0": true, strings.Repeat("Z", 64): true,
		"": false, strings.Repeat("Z", 65): false, "a/b": false, "a+": false, "#": false, "a b": false, "å": false, "a\n": false, "\x00": false, "\xff": false, "@": false, "[": false, "`": false, "{": false,
	} {
		if ValidID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
