package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is a tillpost that runs. Its methods are for one goroutine.
type process struct {
	t    testing.TB
	name string
	cmd  *exec.Cmd
	said *output
	done chan struct{}
	code int
}

// output is what a process wrote so far.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// private is what no process may ever write: the example's customer, and the token.
var private = []string{"Nordmann", "46567468", "customer@email.com", "Luramyrveien", token, newToken}

// start runs tillpost in dir until it ends or the test does. What it wrote is then looked through.
func start(t testing.TB, dir string, args ...string) *process {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: args[0], said: &output{}, done: make(chan struct{})}
	// Not bound to the test's context: that ends before the cleanups, and what they stop in order.
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	p.cmd.Dir = dir
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + dir, "GORACE=atexit_sleep_ms=0"}
	p.cmd.Stdout, p.cmd.Stderr = p.said, p.said
	// A child that outlives it must not keep us waiting for the end of its output.
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code says it all
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(p.finish)
	return p
}

// finish ends what still runs, and looks through what it wrote.
func (p *process) finish() {
	p.kill()
	text := p.said.String()
	for _, secret := range private {
		if strings.Contains(text, secret) {
			p.t.Errorf("tillpost %s wrote %q", p.name, secret)
		}
	}
	for _, fault := range []string{"DATA RACE", "panic:", "fatal error:", "SIGSEGV"} {
		if strings.Contains(text, fault) {
			p.t.Errorf("tillpost %s wrote %q", p.name, fault)
		}
	}
	if p.t.Failed() {
		p.t.Logf("tillpost %s, ended with %d, said:\n%s", p.name, p.code, tail(text, 60_000))
	}
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// kill is kill -9.
func (p *process) kill() { p.end(syscall.SIGKILL, 10*time.Second) }

// end sends a signal and waits for the end of the process; it returns the exit code, -1 after a signal.
func (p *process) end(how os.Signal, within time.Duration) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v: %v", how, err)
	}
	return p.wait(within)
}

func (p *process) wait(within time.Duration) int {
	p.t.Helper()
	limit := time.NewTimer(within)
	defer limit.Stop()
	select {
	case <-p.done:
		return p.code
	case <-limit.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("tillpost %s did not end within %v", p.name, within)
		return p.code
	}
}

// running tells whether it has not ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// run runs tillpost to its end, and gives its exit code and what it wrote.
func run(t testing.TB, dir string, args ...string) (int, string) {
	t.Helper()
	p := start(t, dir, args...)
	code := p.wait(30 * time.Second)
	return code, p.said.String()
}

func (p *process) String() string { return fmt.Sprintf("tillpost %s (%d)", p.name, p.cmd.Process.Pid) }
