package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"

	"tillpost/agent/config"
)

// asService runs work as Windows wants it of a service: when that is to stop, the context ends. An end with an error is a
// failure, after which Windows starts the service again.
func asService(ctx context.Context, work func(context.Context) error) error {
	h := &handler{ctx: ctx, work: work}
	if err := svc.Run(serviceName, h); err != nil {
		return err
	}
	return h.err
}

type handler struct {
	ctx  context.Context
	work func(context.Context) error
	err  error
}

// Execute implements svc.Handler.
func (h *handler) Execute(_ []string, requests <-chan svc.ChangeRequest, changes chan<- svc.Status) (specific bool, code uint32) {
	ctx, stop := context.WithCancel(h.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- h.work(ctx) }()
	changes <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case h.err = <-ended:
			if h.err != nil {
				return true, exitFailed
			}
			return false, exitDone
		case r := <-requests:
			switch r.Cmd {
			case svc.Interrogate:
				changes <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				changes <- svc.Status{State: svc.StopPending}
				stop()
			}
		}
	}
}

// serviceLogger writes to the event log; where that can't be, to w.
func serviceLogger(l config.Log, w io.Writer) *slog.Logger {
	events, err := eventlog.Open(serviceName)
	if err != nil {
		return newLogger(l, w)
	}
	line := &eventLine{events: events}
	return slog.New(eventHandler{newLogger(l, &line.text).Handler(), line})
}

// eventLine is the line that is being written, with the event log that it goes to.
type eventLine struct {
	mu     sync.Mutex
	text   bytes.Buffer
	events *eventlog.Log
}

// eventHandler writes each record as an event of its level.
type eventHandler struct {
	slog.Handler
	line *eventLine
}

// Handle implements slog.Handler.
func (h eventHandler) Handle(ctx context.Context, r slog.Record) error {
	h.line.mu.Lock()
	defer h.line.mu.Unlock()
	h.line.text.Reset()
	if err := h.Handler.Handle(ctx, r); err != nil {
		return err
	}
	const id = 1
	switch text := h.line.text.String(); {
	case r.Level >= slog.LevelError:
		return h.line.events.Error(id, text)
	case r.Level >= slog.LevelWarn:
		return h.line.events.Warning(id, text)
	default:
		return h.line.events.Info(id, text)
	}
}

// WithAttrs implements slog.Handler.
func (h eventHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return eventHandler{h.Handler.WithAttrs(attrs), h.line}
}

// WithGroup implements slog.Handler.
func (h eventHandler) WithGroup(name string) slog.Handler {
	return eventHandler{h.Handler.WithGroup(name), h.line}
}
