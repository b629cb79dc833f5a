package e2e

import (
	"testing"

	"tillpost/internal/proctest"
)

// private is what no process may ever write: the example's customer, and the token.
var private = []string{"Nordmann", "46567468", "customer@email.com", "Luramyrveien", token, newToken}

// start runs tillpost in dir until it ends or the test does. What it wrote is then looked through.
func start(t testing.TB, dir string, args ...string) *proctest.Process {
	t.Helper()
	p := tillpost.Start(t, proctest.Options{Dir: dir, Said: proctest.NewOutput(0, private...)}, args...)
	t.Cleanup(p.Finish)
	return p
}

// run runs tillpost to its end, and gives its exit code and what it wrote.
func run(t testing.TB, dir string, args ...string) (int, string) {
	t.Helper()
	p := start(t, dir, args...)
	code := p.Wait(soon)
	return code, p.Said.String()
}
