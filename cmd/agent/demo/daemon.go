package demo

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	readyWithin = 30 * time.Second
	readyEvery  = 50 * time.Millisecond
	// stopWithin is more than the five seconds in which a daemon stops in order.
	stopWithin = 10 * time.Second
)

var errNotReady = errors.New("the daemon did not come to run")

// daemon is "tillpost run" as a process of its own, so that it can be killed like one.
type daemon struct {
	program, config string
	http            string // host:port of its HTTP side

	log  *os.File
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// start runs the process and waits until it takes requests.
func (d *daemon) start(ctx context.Context) error {
	log, err := os.OpenFile(filepath.Join(filepath.Dir(d.config), logName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the daemon's log: %w", err)
	}
	// Not bound to ctx: the end of that is no reason to kill it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), d.program, "run", "--config", d.config)
	cmd.Args[0] = "tillpost"
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = ownProcess()
	if err := cmd.Start(); err != nil {
		return errors.Join(fmt.Errorf("start the daemon: %w", err), log.Close())
	}
	done := make(chan struct{})
	d.log, d.cmd, d.done = log, cmd, done
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is in ProcessState
	}()
	if err := d.ready(ctx); err != nil {
		return errors.Join(err, d.kill())
	}
	return nil
}

// startAgain starts the process where the former one was. Its addresses were free meanwhile: a program that got one of
// them is waited for.
func (d *daemon) startAgain(ctx context.Context) error {
	for limit := time.Now().Add(readyWithin); ; {
		err := d.start(ctx)
		if err == nil || !taken(err) || time.Now().After(limit) {
			return err
		}
		if err := sleep(ctx, 4*readyEvery); err != nil {
			return err
		}
	}
}

// taken reports whether the daemon did not start because somebody else listens at one of its addresses.
func taken(err error) bool { return strings.Contains(err.Error(), "in use") }

// ready waits until the daemon accepts requests.
func (d *daemon) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		text, err := get(ctx, "http://"+d.http+"/readyz")
		if err == nil && text == "ready\n" {
			return nil
		}
		select {
		case <-d.done:
			return fmt.Errorf("%w: %s", errNotReady, d.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%w within %s", errNotReady, readyWithin)
		case <-time.After(readyEvery):
		}
	}
}

// lastWords returns the last line that the daemon wrote.
func (d *daemon) lastWords() string {
	f, err := os.Open(d.log.Name())
	if err != nil {
		return d.cmd.ProcessState.String()
	}
	defer func() { _ = f.Close() }() // only read from
	last := d.cmd.ProcessState.String()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		last = lines.Text()
	}
	return last
}

// kill ends the process as a pulled plug does: without a chance to do anything more.
func (d *daemon) kill() error {
	if d.cmd == nil {
		return nil
	}
	err := d.cmd.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	<-d.done
	d.cmd = nil
	return errors.Join(err, d.log.Close())
}

// stop ends the process in order; the error says what went wrong.
func (d *daemon) stop() error {
	if d.cmd == nil {
		return nil
	}
	if d.cmd.Process.Signal(syscall.SIGTERM) != nil {
		return d.kill() // it has ended, or this system knows no such asking
	}
	select {
	case <-d.done:
	case <-time.After(stopWithin):
		return errors.Join(fmt.Errorf("the daemon did not stop within %s", stopWithin), d.kill())
	}
	state := d.cmd.ProcessState
	d.cmd = nil
	err := d.log.Close()
	if !state.Success() {
		err = errors.Join(fmt.Errorf("the daemon ended with %s: %s", state, d.lastWords()), err)
	}
	return err
}

// get reads a page of the daemon's.
func get(ctx context.Context, url string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	reply, err := http.DefaultClient.Do(rq)
	if err != nil {
		return "", err
	}
	defer func() { _ = reply.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(reply.Body, 1<<20))
	return string(text), err
}
