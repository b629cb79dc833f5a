package soak

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
	cmd  *exec.Cmd
	said *listener
	done chan struct{}
	code int
}

// unheard of is what no process may ever write: the example's customer, the token, and a runtime's last words.
var unheardOf = []string{"Kari Nordmann", "46567468", "customer@email.com", "Luramyrveien", token, "DATA RACE", "panic:", "fatal error:", "SIGSEGV"}

// listener looks through what a process writes, which may be far too much to keep, and keeps the end of it.
type listener struct {
	mu    sync.Mutex
	tail  []byte
	heard map[string]bool
}

const tailSize = 64 << 10

func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := max(len(l.tail)-64, 0) // what is written may be cut anywhere
	l.tail = append(l.tail, p...)
	for _, text := range unheardOf {
		if bytes.Contains(l.tail[from:], []byte(text)) {
			l.heard[text] = true
		}
	}
	if over := len(l.tail) - 2*tailSize; over > 0 {
		l.tail = append([]byte(nil), l.tail[len(l.tail)-tailSize:]...)
	}
	return len(p), nil
}

func (l *listener) end() (tail string, heard []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range l.heard {
		heard = append(heard, text)
	}
	return string(l.tail), heard
}

// start runs tillpost in dir until it ends or the test does.
func start(t testing.TB, dir string, said *listener, args ...string) *process {
	t.Helper()
	binary, err := built()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, said: said, done: make(chan struct{})}
	// Not bound to the test's context: that ends before the cleanups, and what they stop in order.
	p.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, args...)
	p.cmd.Dir = dir
	p.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + dir, "GORACE=atexit_sleep_ms=0"}
	p.cmd.Stdout, p.cmd.Stderr = said, said
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code says it all
		p.code = p.cmd.ProcessState.ExitCode()
	}()
	return p
}

// end sends a signal and waits for the end of the process; it returns the exit code, -1 after a signal.
func (p *process) end(how os.Signal) int {
	p.t.Helper()
	if err := p.cmd.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("signal %v: %v", how, err)
	}
	limit := time.NewTimer(15 * time.Second)
	defer limit.Stop()
	select {
	case <-p.done:
	case <-limit.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("tillpost did not end after %v", how)
	}
	return p.code
}

// kill is kill -9.
func (p *process) kill() { p.end(syscall.SIGKILL) }

func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// rssAnon is the process' private memory in bytes.
func (p *process) rssAnon() int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(raw), "RssAnon:")
	var kb int64
	_, _ = fmt.Sscan(rest, &kb) // 0 where the kernel has no such line
	return kb << 10
}

// files is how many files the process has open.
func (p *process) files() int {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	return len(list)
}
