//go:build !windows

package main

import (
	"context"
	"io"
	"log/slog"

	"tillpost/agent/config"
)

// asService runs work: only on Windows has a service to talk to its manager in a way of its own.
func asService(ctx context.Context, work func(context.Context) error) error { return work(ctx) }

// serviceLogger writes to w: the service manager collects that.
func serviceLogger(l config.Log, w io.Writer) *slog.Logger { return newLogger(l, w) }
