package damage

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"tillpost/api/simulator"
	"tillpost/internal/proctest"
)

// disk mounts a small file system of its own in a folder, for the outbox.
func (w *world) disk(size string) string {
	w.Helper()
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		w.Skip("mounting a file system takes root on Linux")
	}
	dir := filepath.Join(w.Dir, "disk")
	w.Must(os.Mkdir(dir, 0o700))
	if out, err := exec.CommandContext(w.Context(), "mount", "-t", "tmpfs", "-o", "size="+size, "tillpost-test", dir).CombinedOutput(); err != nil {
		w.Skipf("no file system can be mounted here: %v: %s", err, out)
	}
	w.Cleanup(func() {
		if out, err := exec.Command("umount", "-l", dir).CombinedOutput(); err != nil {
			w.Errorf("umount: %v: %s", err, out)
		}
	})
	w.Set("outbox.path", "disk/outbox.db")
	return dir
}

// fillUp leaves no byte free, and returns the file to remove.
func fillUp(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "filler")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{64 << 10, 4096} {
		for err = nil; err == nil; {
			_, err = f.Write(make([]byte, size))
		}
	}
	_ = f.Close()
	return path
}

// A full disk ends nothing that was accepted: it goes on with the reserve. New requests wait at the broker until there is
// room, and are then taken in their order, without anybody's help. The connection to the broker stays: the agent is degraded, not
// offline.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := w.disk("12m")
	w.Must(w.Sim.SetNextCustomers(oslo, simulator.WalkAway()))
	w.Start()
	w.order("begun")
	w.order("queued")
	w.untilState("begun", "awaiting_customer")
	w.untilState("queued", "queued")
	filler := fillUp(t, dir)
	// The file has room left within itself; only when it has to grow is the disk's fullness felt.
	for i := range 600 {
		w.order(fmt.Sprintf("late-%03d", i))
	}
	if text := w.UntilProblem("outboxFull"); !strings.Contains(text, "free some space") {
		t.Errorf("told %q", text)
	}
	w.Must(w.Sim.Settle(w.Sim.Orders()[0].UUID, simulator.Pays))
	w.untilState("begun", "paid")
	w.untilState("queued", "awaiting_customer", "paid")
	if s := w.now("late-599"); s.State != "" {
		t.Errorf("the last of what came to a full disk is %+v", s)
	}
	if code, text := w.Get("/readyz"); code != 503 || !strings.Contains(text, "disk is full") {
		t.Errorf("ready: %d %s", code, text)
	}
	w.Must(os.Remove(filler))
	w.Must(w.Sim.SetCustomer(oslo, simulator.Pay(0)))
	w.untilState("late-599", "queued", "awaiting_customer", "paid")
	w.UntilOnline()
	w.Until("ready", func() bool { code, _ := w.Get("/readyz"); return code == 200 })
	w.Stop()
	w.Once()
}

// A disk that can't be written is reported at the start, in words.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	dir := w.disk("12m")
	w.Start()
	w.order("o")
	w.untilState("o", "paid")
	w.Stop()
	for _, how := range []string{"ro", "rw"} {
		if out, err := exec.CommandContext(t.Context(), "mount", "-o", "remount,"+how, dir).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if how == "ro" {
			code, out := w.Do("run", "--config", "tillpost.toml")
			if code != 1 || !strings.Contains(out, "read-only file system") || strings.Count(out, "\n") != 1 || !strings.Contains(out, "mount") {
				t.Errorf("exit %d: %s", code, out)
			}
		}
	}
	w.Start()
	w.order("o2")
	w.untilState("o2", "paid")
	w.Stop()
}

// Without a handle for another connection nothing is sent, nothing is in doubt, and all goes on once there is one. Nothing was sold
// yet, so no connection stands ready.
func TestNoHandles(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit("ulimit -n 26;")
	w.Start()
	release := w.hold(40)
	defer release()
	w.Until("all handles to be taken", func() bool { return strings.Contains(w.Agent.Said.String(), "too many open files") })
	w.order("during")
	w.Until("the order to wait", func() bool { return w.now("during").Waits() == "apiUnreachable" })
	if s := w.now("during"); s.State != "queued" || s.Revision != 1 || w.Sim.Count(simulator.OpCreate) != 0 {
		t.Errorf("without handles it is %+v, %d creates", s, w.Sim.Count(simulator.OpCreate))
	}
	release()
	w.untilState("during", "paid")
	w.UntilOnline()
	w.Stop()
	w.Once()
}

// hold keeps connections to the agent's page open until they are released. Each has asked for something: one that says
// nothing is cut off soon.
func (w *world) hold(n int) (release func()) {
	w.Helper()
	all := make([]net.Conn, 0, n)
	for range n {
		c, err := (&net.Dialer{Timeout: proctest.Patience}).DialContext(w.Context(), "tcp", w.Web)
		w.Must(err)
		all = append(all, c)
		if _, err := fmt.Fprintf(c, "GET /healthz HTTP/1.1\r\nHost: %s\r\n\r\n", w.Web); err != nil {
			w.Fatal(err)
		}
	}
	return sync.OnceFunc(func() {
		for _, c := range all {
			_ = c.Close()
		}
	})
}

// little limits the agent to 64 MB in all where control groups can be made. Elsewhere only its memory limit makes it
// modest: ulimit can't, for Go maps 64 MB at once.
func (w *world) little() {
	w.Helper()
	w.limit("export GOMEMLIMIT=40MiB;")
	group := fmt.Sprintf("/sys/fs/cgroup/memory/tillpost-test-%d", os.Getpid())
	if os.Mkdir(group, 0o755) != nil {
		return
	}
	w.Cleanup(func() {
		if !proctest.Eventually(proctest.Patience, func() bool { return os.Remove(group) == nil }) {
			w.Error("the group stays")
		}
	})
	if err := os.WriteFile(filepath.Join(group, "memory.limit_in_bytes"), []byte(strconv.Itoa(64<<20)), 0o600); err != nil {
		w.Log("no memory can be taken away here: ", err)
		return
	}
	w.limit("export GOMEMLIMIT=40MiB; echo $$ >" + group + "/cgroup.procs;")
}

// A small machine, with a backlog.
func TestLittleMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.little()
	w.Must(w.Sim.SetDown(true))
	w.Start()
	modest := func() {
		if n := w.Agent.RSSAnon(); n > 64<<20 {
			t.Errorf("%d bytes of its own memory are in use", n)
		}
	}
	const orders = 1000
	for i := range orders {
		w.order(fmt.Sprintf("o-%d", i))
	}
	w.untilState(fmt.Sprintf("o-%d", orders-1), "queued")
	w.Must(w.Sim.SetCustomer(oslo, simulator.Pay(0)))
	modest()
	w.Stop()
	w.Start()
	w.Must(w.Sim.SetDown(false))
	w.untilState("o-0", "paid")
	w.untilState("o-20", "paid")
	modest()
	w.Stop()
	w.Once()
}
