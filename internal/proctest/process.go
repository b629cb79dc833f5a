package proctest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// Process is a program that runs. Its methods are for one goroutine.
type Process struct {
	// Said is what it writes, nil where nothing takes that.
	Said *Output

	t       testing.TB
	name    string
	command *exec.Cmd
	done    chan struct{}
	code    int
}

// Options say how to start a process.
type Options struct {
	// Dir is its folder and its home.
	Dir string
	// Env is its environment but for PATH, HOME and TMPDIR.
	Env []string
	// Under is the program, with its arguments, that is to run it.
	Under []string
	// Said takes what it writes; nil takes nothing.
	Said *Output
}

// Start starts the binary. The caller ends it, if it does not end by itself.
func (b *Binary) Start(t testing.TB, o Options, args ...string) *Process {
	t.Helper()
	line := append(append(append([]string{}, o.Under...), b.Path(t)), args...)
	p := &Process{Said: o.Said, t: t, name: "tillpost", done: make(chan struct{})}
	if len(args) > 0 {
		p.name += " " + args[0]
	}
	// Not bound to the test's context: that ends before the cleanups, and what they stop in order.
	p.command = exec.CommandContext(context.WithoutCancel(t.Context()), line[0], line[1:]...)
	p.command.Dir = o.Dir
	p.command.Env = append([]string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(), "HOME=" + o.Dir, "GORACE=atexit_sleep_ms=0"}, o.Env...)
	if o.Said != nil {
		p.command.Stdout, p.command.Stderr = o.Said, o.Said
	}
	// A child that outlives it must not keep us waiting for the end of its output.
	p.command.WaitDelay = 5 * time.Second
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		_ = p.command.Wait() // the exit code says it all
		p.code = p.command.ProcessState.ExitCode()
	}()
	return p
}

// Wait waits for its end, and returns the exit code, -1 after a signal. A process that does not end within that time is
// killed, and the test fails.
func (p *Process) Wait(within time.Duration) int {
	p.t.Helper()
	limit := time.After(within)
	select {
	case <-p.done:
	case <-limit:
		_ = p.command.Process.Kill()
		<-p.done
		p.t.Errorf("%s did not end within %v", p.name, within)
	}
	return p.code
}

// End sends a signal, which may come too late, and waits.
func (p *Process) End(how os.Signal, within time.Duration) int {
	p.t.Helper()
	if err := p.command.Process.Signal(how); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: signal %v: %v", p.name, how, err)
	}
	return p.Wait(within)
}

// Stop ends it in order, and returns its exit code.
func (p *Process) Stop() int {
	p.t.Helper()
	return p.End(syscall.SIGTERM, Patience)
}

// Kill ends it as kill -9 does.
func (p *Process) Kill() {
	p.t.Helper()
	p.End(syscall.SIGKILL, Patience)
}

// Finish kills it if it still runs, and checks what it wrote; it is for a test's cleanup.
func (p *Process) Finish() {
	p.t.Helper()
	p.Kill()
	if p.Said != nil {
		p.Said.Check(p.t, fmt.Sprintf("%v, ended with %d,", p, p.code))
	}
}

// Running reports whether it has not ended.
func (p *Process) Running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Code returns the exit code of one that has ended, -1 after a signal.
func (p *Process) Code() int {
	<-p.done
	return p.code
}

// PID returns its process id.
func (p *Process) PID() int { return p.command.Process.Pid }

func (p *Process) String() string { return fmt.Sprintf("%s (%d)", p.name, p.PID()) }
