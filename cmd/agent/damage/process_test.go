package damage

import (
	"os"
	"testing"

	"tillpost/internal/proctest"
)

var tillpost proctest.Binary

func TestMain(m *testing.M) {
	code := m.Run()
	tillpost.Remove()
	os.Exit(code)
}

// start runs tillpost in dir until it ends or the test does. What it wrote is then looked through. before is a shell's
// word in front of it, such as ulimit.
func start(t testing.TB, dir, before string, args ...string) *proctest.Process {
	t.Helper()
	p := tillpost.Start(t, proctest.Options{
		Dir: dir, Env: []string{"TILLPOST_API_TOKEN=" + token}, Under: []string{"/bin/sh", "-c", before + ` exec "$0" "$@"`},
		Said: proctest.NewOutput(0, "Nordmann", "46567468", "customer@email.com", token),
	}, args...)
	t.Cleanup(p.Finish)
	return p
}

// run runs tillpost to its end, and gives its exit code and what it wrote.
func run(t testing.TB, dir string, args ...string) (int, string) {
	t.Helper()
	p := start(t, dir, "", args...)
	code := p.Wait(proctest.Patience)
	return code, p.Said.String()
}
