package demo

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/internal/proctest"
)

// addressVariable makes the test binary a daemon at that address, as far as a demo needs one.
const addressVariable = "TILLPOST_DEMO_TEST_DAEMON"

func TestMain(m *testing.M) {
	if addr, ok := os.LookupEnv(addressVariable); ok {
		err := http.ListenAndServe(addr, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ready\n") }))
		fmt.Fprintln(os.Stderr, "tillpost: start:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// Not parallel: it changes the environment. An address that somebody else is given while the daemon is dead is had again
// once it is given back.
func TestStartAgainWaitsForTheAddress(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	addr, dir := proctest.FreeAddr(t), t.TempDir()
	t.Setenv(addressVariable, addr)
	other, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{program: program, config: filepath.Join(dir, configName), http: addr}
	started := make(chan error, 1)
	go func() { started <- d.startAgain(t.Context()) }()
	if !proctest.Eventually(proctest.Patience, func() bool {
		log, _ := os.ReadFile(filepath.Join(dir, logName)) // it comes to be there
		return strings.Contains(string(log), "in use") || len(started) > 0
	}) {
		t.Error("the daemon does not say that its address is taken")
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := <-started; err != nil {
		t.Error(err)
	}
	if err := d.kill(); err != nil {
		t.Error(err)
	}
}
