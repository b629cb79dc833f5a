package mqtttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tillpost/internal/proctest"
)

// MosquittoOptions say how to run a mosquitto. The zero value is one without persistence that lets everybody in.
type MosquittoOptions struct {
	// Persistence keeps sessions and retained messages on disk after every change.
	Persistence bool
	// Config is added to the configuration, line by line.
	Config string
	// Listener is put after the listener line; by default "allow_anonymous true".
	Listener string
}

// Packaged returns a mosquitto with the settings of packaging/mosquitto.
func Packaged() MosquittoOptions {
	return MosquittoOptions{Persistence: true, Config: "max_inflight_messages 100\nset_tcp_nodelay true"}
}

// Mosquitto is a running mosquitto on a port of its own. Its methods are for one goroutine.
type Mosquitto struct {
	// Addr is host:port, URL the same as tcp://host:port.
	Addr, URL string

	t       testing.TB
	dir     string
	binary  string
	command *exec.Cmd
	exited  chan struct{}
	output  *proctest.Output
}

// without is the value of TILLPOST_TEST_MOSQUITTO that makes the tests do without
// mosquitto; make test sets it where mosquitto can't be installed.
const without = "none"

// StartMosquitto runs a mosquitto until the test ends, and returns when it answers. Where mosquitto is not installed
// the test fails, or is skipped if TILLPOST_TEST_MOSQUITTO says that there is to be none.
func StartMosquitto(t testing.TB, options MosquittoOptions) *Mosquitto {
	t.Helper()
	m := &Mosquitto{t: t, dir: t.TempDir(), binary: findMosquitto(t), output: proctest.NewOutput(0)}
	t.Cleanup(func() {
		m.Kill()
		if t.Failed() {
			t.Logf("mosquitto said:\n%s", m.output)
		}
	})
	for range 10 {
		m.Addr = proctest.FreeAddr(t)
		m.URL = "tcp://" + m.Addr
		m.configure(options)
		if m.start() == nil {
			return m
		}
	}
	t.Fatalf("mosquitto does not start:\n%s", m.output)
	return nil
}

// WithoutMosquitto reports whether these tests have to do without mosquitto and its clients.
func WithoutMosquitto() bool { return os.Getenv("TILLPOST_TEST_MOSQUITTO") == without }

func findMosquitto(t testing.TB) string {
	t.Helper()
	if WithoutMosquitto() {
		t.Skip("mosquitto is not installed")
	}
	for _, name := range []string{"mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("mosquitto is not installed; make test installs it, or does without it")
	return ""
}

func (m *Mosquitto) configure(options MosquittoOptions) {
	m.t.Helper()
	host, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		m.t.Fatal(err)
	}
	if options.Listener == "" {
		options.Listener = "allow_anonymous true"
	}
	var config strings.Builder
	if options.Persistence {
		fmt.Fprintf(&config, "persistence true\npersistence_location %s/\nautosave_on_changes true\nautosave_interval 1\n", m.dir)
	}
	if os.Geteuid() == 0 {
		// It would change to a user that can't write into the test's folder.
		config.WriteString("user root\n")
	}
	fmt.Fprintf(&config, "log_dest stderr\nmax_queued_messages 0\n%s\nlistener %s %s\n%s\n", options.Config, port, host, options.Listener)
	if err := os.WriteFile(m.config(), []byte(config.String()), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

func (m *Mosquitto) config() string { return filepath.Join(m.dir, "mosquitto.conf") }

// Start runs it again after Stop or Kill, on the same port.
func (m *Mosquitto) Start() {
	m.t.Helper()
	if m.command != nil {
		return
	}
	if err := m.start(); err != nil {
		m.t.Fatalf("mosquitto does not start again: %v\n%s", err, m.output)
	}
}

func (m *Mosquitto) start() error {
	m.t.Helper()
	begun := m.starts()
	// Not bound to the test's context: that ends before the cleanups, and the processes that they stop in order.
	command := exec.CommandContext(context.WithoutCancel(m.t.Context()), m.binary, "-c", m.config())
	command.Stderr = m.output
	if err := command.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	go func() {
		// How it ended is in its output.
		_ = command.Wait()
		close(exited)
	}()
	m.command, m.exited = command, exited
	if err := m.await(begun); err != nil {
		m.stop(os.Kill)
		return err
	}
	return nil
}

// starts counts how often it said that it runs.
func (m *Mosquitto) starts() int { return strings.Count(m.output.String(), " running\n") }

// await returns once it says that it runs once more. That the port answers
// would prove nothing: it may be somebody else's.
func (m *Mosquitto) await(begun int) error {
	tick := time.Tick(5 * time.Millisecond)
	limit := time.After(proctest.Patience)
	for m.starts() == begun {
		select {
		case <-tick:
		case <-m.exited:
			return errors.New("it ended at once")
		case <-limit:
			return errors.New("it does not say that it runs")
		}
	}
	return nil
}

// Stop ends it in order: with persistence it saves what it knows.
func (m *Mosquitto) Stop() { m.stop(os.Interrupt) }

// Kill ends it as kill -9 does.
func (m *Mosquitto) Kill() { m.stop(os.Kill) }

func (m *Mosquitto) stop(how os.Signal) {
	if m.command == nil {
		return
	}
	if err := m.command.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		m.t.Errorf("stopping mosquitto: %v", err)
	}
	select {
	case <-m.exited:
	case <-time.After(proctest.Patience):
		m.t.Error("mosquitto does not end; killing it")
		_ = m.command.Process.Kill()
		<-m.exited
	}
	m.command = nil
}

// Restart stops it in order and starts it again. Without persistence it has then forgotten everything.
func (m *Mosquitto) Restart() {
	m.t.Helper()
	m.Stop()
	m.Start()
}

// RestartForgetful starts it again without its memory, persistence or not.
func (m *Mosquitto) RestartForgetful() {
	m.t.Helper()
	m.Kill()
	if err := os.Remove(filepath.Join(m.dir, "mosquitto.db")); err != nil && !errors.Is(err, os.ErrNotExist) {
		m.t.Fatal(err)
	}
	m.Start()
}

// Output returns what it wrote to its log so far.
func (m *Mosquitto) Output() string { return m.output.String() }
