//go:build linux

package brokers

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

// slow is how long a broker may take to answer after its start: RabbitMQ takes ten seconds where nobody else works.
const slow = 3 * time.Minute

// server is a broker that the tests can end and start again on its port.
type server interface {
	// Kill is kill -9, Stop an ordered end.
	Kill()
	Stop()
	Start()
}

// program runs a command as often as it is started, until the test ends.
type program struct {
	t       *testing.T
	addr    string // where it answers
	env     []string
	line    []string
	running *exec.Cmd
	ended   chan struct{}
	said    *proctest.Output
}

// Start returns once it answers.
func (p *program) Start() {
	p.t.Helper()
	p.running = exec.CommandContext(context.WithoutCancel(p.t.Context()), p.line[0], p.line[1:]...)
	p.running.Env = append(os.Environ(), p.env...)
	p.running.Stdout, p.running.Stderr = p.said, p.said
	p.running.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a script that starts it dies with it
	if err := p.running.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.ended = make(chan struct{})
	go func() {
		defer close(p.ended)
		_ = p.running.Wait() // how it ended is in what it said
	}()
	if p.addr == "" {
		return
	}
	if !proctest.Eventually(slow, func() bool {
		conn, err := (&net.Dialer{}).DialContext(p.t.Context(), "tcp", p.addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}) {
		p.t.Fatalf("%s does not answer:\n%s", p.line[0], p.said)
	}
}

// Stop lets it end in order.
func (p *program) Stop() {
	_ = syscall.Kill(-p.running.Process.Pid, syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(slow):
		p.t.Errorf("%s does not end", p.line[0])
		p.Kill()
	}
}

// Kill ends it at once.
func (p *program) Kill() {
	_ = syscall.Kill(-p.running.Process.Pid, syscall.SIGKILL)
	<-p.ended
}

func run(t *testing.T, addr string, env []string, line ...string) *program {
	t.Helper()
	p := &program{t: t, addr: addr, env: env, line: line, said: proctest.NewOutput(0)}
	p.Start()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() {
			t.Logf("%s said:\n%s", line[0], p.said)
		}
	})
	return p
}

func startMosquitto(t *testing.T) (addr string, s server) {
	m := mqtttest.StartMosquitto(t, mqtttest.Packaged())
	return m.Addr, m
}

func startNATS(t *testing.T) (string, server) {
	binary := find(t, "nats-server", filepath.Join(os.Getenv("TILLPOST_TOOLS"), "nats-server"))
	dir, addr := t.TempDir(), proctest.FreeAddr(t)
	config := write(t, dir, "nats.conf", fmt.Sprintf("listen: %q\nserver_name: tried\njetstream { store_dir: %q, sync_interval: always }\nmqtt { listen: %q }\n",
		proctest.FreeAddr(t), dir, addr))
	return addr, run(t, addr, nil, binary, "-c", config)
}

// startRabbitMQ runs it with all that it needs in a folder of its own, the name service of its runtime included.
func startRabbitMQ(t *testing.T) (string, server) {
	found, err := filepath.Glob("/usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server")
	if err != nil || len(found) == 0 {
		found = []string{find(t, "rabbitmq-server")}
	}
	dir, addr := t.TempDir(), proctest.FreeAddr(t)
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	names := proctest.FreeAddr(t)
	env := []string{
		"HOME=" + dir, "ERL_EPMD_ADDRESS=127.0.0.1", "ERL_EPMD_PORT=" + port(names), "RABBITMQ_DIST_PORT=" + port(proctest.FreeAddr(t)),
		"RABBITMQ_NODENAME=tried" + port(addr) + "@localhost", "RABBITMQ_MNESIA_BASE=" + dir + "/mnesia", "RABBITMQ_LOG_BASE=" + dir + "/log",
		"RABBITMQ_ENABLED_PLUGINS_FILE=" + write(t, dir, "enabled_plugins", "[rabbitmq_mqtt].\n"),
		"RABBITMQ_CONFIG_FILE=" + write(t, dir, "rabbitmq.conf", fmt.Sprintf(
			"listeners.tcp.default = %s\nmqtt.listeners.tcp.default = %s\nmqtt.allow_anonymous = true\nmqtt.prefetch = 100\n", proctest.FreeAddr(t), addr)),
		"RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}",
	}
	run(t, names, env, find(t, "epmd"))
	return addr, run(t, addr, env, found[0])
}

// find returns a program's path. One that is not there fails the test, or skips it unless all have to be there.
func find(t *testing.T, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("TILLPOST_BROKERS") == "required" {
		t.Fatalf("%s is not installed", names[0])
	}
	t.Skipf("%s is not installed", names[0])
	return ""
}

func write(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
