package main

import (
	"bytes"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"tillpost/agent/config"
	"tillpost/internal/proctest"
)

// Not parallel: it changes the environment.
func TestNotifyTellsSystemd(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("systemd is Linux's")
	}
	var log bytes.Buffer
	logger := newLogger(config.Log{Format: config.LogText}, &log)
	t.Setenv("NOTIFY_SOCKET", "")
	notify(logger, "READY=1")
	if log.Len() > 0 {
		t.Errorf("without systemd: %s", &log)
	}

	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	notify(logger, "READY=1")
	if err := conn.SetReadDeadline(time.Now().Add(proctest.Patience)); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 100)
	n, err := conn.Read(got)
	if err != nil || string(got[:n]) != "READY=1" {
		t.Errorf("systemd heard %q, %v", got[:n], err)
	}

	t.Setenv("NOTIFY_SOCKET", path+"-gone")
	notify(logger, "STOPPING=1")
	if !strings.Contains(log.String(), `state="STOPPING=1"`) {
		t.Errorf("a failure is silent: %s", &log)
	}
}

func TestNewLogger(t *testing.T) {
	t.Parallel()
	for format, want := range map[config.LogFormat]string{config.LogText: "level=WARN msg=shown", config.LogJSON: `"level":"WARN","msg":"shown"`} {
		var out bytes.Buffer
		logger := newLogger(config.Log{Level: slog.LevelWarn, Format: format}, &out)
		logger.Info("hidden")
		logger.Warn("shown")
		if !strings.Contains(out.String(), want) || strings.Contains(out.String(), "hidden") {
			t.Errorf("%s: %s", format, &out)
		}
	}
}
