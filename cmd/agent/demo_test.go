package main

import "testing"

func TestCalledAs(t *testing.T) {
	t.Parallel()
	for arg0, want := range map[string]string{
		"tillpost":                              "tillpost",
		"bin/tillpost":                          "bin/tillpost",
		"./tillpost-v1.0.0-arm64":               "./tillpost-v1.0.0-arm64",
		"/home/me/.cache/go-build/1f/ab/agent":  "go run ./cmd/agent",
		"/tmp/go-build123/b001/exe/agent":       "go run ./cmd/agent",
		"/tmp/go-build123/b001/exe/agent.exe":   "go run ./cmd/agent",
		"/opt/tillpost agent/bin/tillpost.test": "/opt/tillpost agent/bin/tillpost.test",
	} {
		if got := calledAs(arg0); got != want {
			t.Errorf("%s: %q, want %q", arg0, got, want)
		}
	}
}
