package bundle

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// unitStates are what is shown of the service. Its environment is not among them: a token may be there.
var unitStates = []string{
	"LoadState", "ActiveState", "SubState", "UnitFileState", "Result", "ExecMainStatus", "NRestarts", "ActiveEnterTimestamp", "MemoryCurrent",
	"MemoryMax", "WatchdogUSec", "FragmentPath",
}

// patience bounds each program that is asked.
const patience = 10 * time.Second

// System describes the machine and the service on it, as far as they can be asked.
func System() map[string]any {
	s := map[string]any{"os": runtime.GOOS, "arch": runtime.GOARCH, "cpus": runtime.NumCPU()}
	for name, file := range map[string]string{"kernel": "/proc/version", "model": "/proc/device-tree/model", "release": "/etc/os-release", "uptime": "/proc/uptime"} {
		if raw, err := os.ReadFile(file); err == nil {
			s[name] = strings.Trim(string(raw), "\n\x00")
		}
	}
	if raw, err := os.ReadFile("/proc/meminfo"); err == nil {
		for line := range strings.Lines(string(raw)) {
			if key, value, ok := strings.Cut(line, ":"); ok && (key == "MemTotal" || key == "MemAvailable" || key == "SwapTotal") {
				s[key] = strings.TrimSpace(value)
			}
		}
	}
	if text, err := output(context.Background(), "systemctl", "show", "tillpost.service", "-p", strings.Join(unitStates, ",")); err == nil {
		s["service"] = strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	return s
}

// Journal returns the last lines of the service's log, which holds neither secrets nor personal data.
func Journal(ctx context.Context) ([]byte, error) {
	text, err := output(ctx, "journalctl", "-u", "tillpost.service", "-n", "5000", "--no-pager", "-o", "short-iso", "--no-hostname")
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return nil, errors.New("there is no journal on this machine")
	case err != nil:
		return nil, errors.New("the journal can't be read by this user; members of the group systemd-journal may")
	}
	return text, nil
}

func output(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return exec.CommandContext(ctx, name, args...).Output()
}
