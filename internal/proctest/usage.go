package proctest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Figure returns the first number behind a name in a file of /proc/PID, and 0 where there is no such file or line, as where
// there is no /proc.
func Figure(pid int, file, name string) float64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(raw) {
		key, value, _ := strings.Cut(string(line), ":")
		if fields := strings.Fields(value); key == name && len(fields) > 0 {
			n, _ := strconv.ParseFloat(fields[0], 64)
			return n
		}
	}
	return 0
}

// Figure returns what [Figure] does for it.
func (p *Process) Figure(file, name string) float64 { return Figure(p.PID(), file, name) }

// RSSAnon returns its private memory in bytes, 0 where the kernel does not show it.
func (p *Process) RSSAnon() int64 { return int64(p.Figure("status", "RssAnon")) << 10 }

// Files returns how many files it has open, 0 where the kernel does not show it.
func (p *Process) Files() int {
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.PID()))
	if err != nil {
		return 0
	}
	return len(list)
}
