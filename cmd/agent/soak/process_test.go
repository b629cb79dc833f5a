package soak

import (
	"testing"

	"tillpost/internal/proctest"
)

// newListener looks through what a shop's agents write, which is far too much to keep, and keeps the end of it.
func newListener() *proctest.Output {
	return proctest.NewOutput(64<<10, "Kari Nordmann", "46567468", "customer@email.com", "Luramyrveien", token)
}

// start runs tillpost in dir until it is ended.
func start(t testing.TB, dir string, said *proctest.Output, args ...string) *proctest.Process {
	t.Helper()
	return tillpost.Start(t, proctest.Options{Dir: dir, Said: said}, args...)
}
