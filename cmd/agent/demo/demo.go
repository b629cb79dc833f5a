package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Options say how the demo is played and where it is written. Out and Program are required.
type Options struct {
	// Out is where the demo is written, in lines of at most Width characters (0 is 80).
	Out   io.Writer
	Width int
	// Colour colours it with the escape sequences of a terminal.
	Colour bool
	// Dir is the folder to work in and to leave behind; it must be empty or not be there yet. "" takes a temporary one,
	// which is removed at the end unless the demo failed.
	Dir string
	// Stay leaves everything running after the day, until ctx ends.
	Stay bool
	// Fast leaves out the pauses for reading, and hurries the customers.
	Fast bool
	// Program is the executable of tillpost, started for the daemon as "Program run --config FILE".
	Program string
	// Name is how a person calls Program, for what is shown to be typed.
	Name string
}

var (
	errInterrupted = errors.New("the demo was interrupted before the day was over")
	errUntold      = errors.New("nothing more could be told")
)

// Run plays the day. It returns nil only if every request ended as scripted and all books agree, also where it stayed
// until ctx ended; an end of ctx before that is an error. It leaves no process behind.
func Run(ctx context.Context, o Options) (err error) {
	if o.Width == 0 {
		o.Width = 80
	}
	dir, remove, err := folder(o.Dir)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	out := newNarrator(o.Out, o.Width, o.Colour, func(err error) { cancel(fmt.Errorf("%w: %w", errUntold, err)) })
	p := &play{options: o, pace: paceOf(o.Fast), out: out}
	defer func() {
		switch {
		case err == nil, errors.Is(err, errInterrupted), errors.Is(err, errUntold):
			if remove {
				err = errors.Join(err, os.RemoveAll(dir))
			}
		default:
			err = fmt.Errorf("%w; what the daemon logged is in %s", err, filepath.Join(dir, logName))
		}
	}()
	p.welcome()
	p.shop, err = openShop(ctx, o.Program, dir, p.pace, out)
	if err == nil {
		err = p.day(ctx)
		err = errors.Join(err, p.shop.close())
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errUntold):
		return cause
	case cause != nil && !p.over:
		return errInterrupted
	}
	return err
}

// pace is how long things take that nobody waits for in earnest.
type pace struct {
	read     time.Duration // for a reader, after the narrator has spoken
	customer time.Duration
	busy     time.Duration
	outage   time.Duration
	approver time.Duration
}

func paceOf(fast bool) pace {
	if fast {
		return pace{customer: 200 * time.Millisecond, busy: 500 * time.Millisecond, outage: 300 * time.Millisecond, approver: 500 * time.Millisecond}
	}
	return pace{read: time.Second, customer: 1200 * time.Millisecond, busy: 1500 * time.Millisecond, outage: time.Second, approver: 2500 * time.Millisecond}
}

// sleep waits for d; the error is ctx's.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
