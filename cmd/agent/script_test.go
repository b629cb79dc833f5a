package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
	"tillpost/outbox/bolt"
)

func TestMain(m *testing.M) {
	// The scripts' daemons start this binary again to check their outbox.
	bolt.RunChecker()
	testscript.Main(m, map[string]func(){"tillpost": main})
}

// TestScripts runs testdata/*.txtar, each with a topic prefix of its own at one mosquitto.
func TestScripts(t *testing.T) {
	t.Parallel()
	broker := ""
	if !mqtttest.WithoutMosquitto() {
		broker = mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{}).URL
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("BROKER", broker)
			e.Setenv("TZ", "UTC")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // else each process of a race test lingers for a second
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "broker" {
				return broker != "", nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"append":   appendLines,
			"control":  control,
			"edit":     edit,
			"exits":    exits,
			"fetch":    fetch,
			"freeport": freePort(t),
			"private":  private,
			"term":     sendSignal,
			"waitfor":  waitFor,
		},
	})
}

// exits CODE COMMAND…: the command ends with that exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("%s ended with %s, not %s", args[1], code, args[0])
	}
}

// control FILE: CONTROL becomes the address of the control endpoint that a simulator's configuration names, TAKEN its port.
func control(ts *testscript.TestScript, _ bool, args []string) {
	found := regexp.MustCompile(`curl (http://127\.0\.0\.1:(\d+))/`).FindStringSubmatch(ts.ReadFile(args[0]))
	if found == nil {
		ts.Fatalf("%s names no control endpoint", args[0])
	}
	ts.Setenv("CONTROL", found[1])
	ts.Setenv("TAKEN", found[2])
}

// edit FILE OLD NEW: OLD, which the file holds, becomes NEW, in which @ begins a line.
func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q:\n%s", args[0], args[1], text)
	}
	text = strings.Replace(text, args[1], strings.ReplaceAll(args[2], "@", "\n"), 1)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// appendLines FILE LINE…: the lines are put behind the file.
func appendLines(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0]) + strings.Join(args[1:], "\n") + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// fetch URL [BODY]: gets a page, or posts to it, and prints what comes.
func fetch(ts *testscript.TestScript, _ bool, args []string) {
	code, text, err := request(args[0], args[1:]...)
	ts.Check(err)
	if code >= http.StatusBadRequest {
		ts.Fatalf("%s answered %d: %s", args[0], code, text)
	}
	_, err = io.WriteString(ts.Stdout(), text)
	ts.Check(err)
}

func request(url string, body ...string) (code int, text string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), proctest.Patience/4)
	defer cancel()
	method := http.MethodGet
	if len(body) > 0 {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(strings.Join(body, "")))
	if err != nil {
		return 0, "", err
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer reply.Body.Close()
	data, err := io.ReadAll(reply.Body)
	return reply.StatusCode, string(data), err
}

// freePort is freeport NAME…: each variable becomes a loopback port that is free, and stays the scripts' while they run.
func freePort(t *testing.T) func(ts *testscript.TestScript, _ bool, args []string) {
	return func(ts *testscript.TestScript, _ bool, args []string) {
		for _, name := range args {
			_, port, err := net.SplitHostPort(proctest.FreeAddr(t))
			ts.Check(err)
			ts.Setenv(name, port)
		}
	}
}

// private FILE…: the files hold nothing of the scripts' customer, and not the token. The texts are here and not in a
// script, because scripts are written to the tests' own log.
func private(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		text := ts.ReadFile(name)
		if text == "" {
			ts.Fatalf("%s is empty", name)
		}
		for _, secret := range []string{"demo-token", "Nordmann", "46567468", "customer@email", "Luramyr"} {
			if strings.Contains(text, secret) {
				ts.Fatalf("%s holds personal data or the token", name)
			}
		}
	}
}

// sendSignal is the command "term SUBCOMMAND [HUP]": it sends SIGTERM or SIGHUP to the background process of that subcommand;
// testscript's own kill can't.
func sendSignal(ts *testscript.TestScript, _ bool, args []string) {
	for _, c := range ts.BackgroundCmds() {
		if strings.Contains(strings.Join(c.Args, " "), "tillpost "+args[0]) {
			sig := syscall.SIGTERM
			if len(args) > 1 && !signal.Ignored(syscall.SIGHUP) { // a process that ignores it, as under nohup, goes on
				sig = syscall.SIGHUP
			}
			ts.Check(c.Process.Signal(sig))
			return
		}
	}
	ts.Fatalf("nothing runs tillpost %s", args[0])
}

// waitfor FILE|URL REGEXP: waits until the file holds, or the page answers 200 with, a match.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: waitfor FILE|URL REGEXP")
	}
	pattern := regexp.MustCompile("(?m)" + args[1])
	look := func() string {
		if strings.HasPrefix(args[0], "http://") {
			code, text, err := request(args[0])
			return fmt.Sprintf("%d %s %v", code, text, err)
		}
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err != nil {
			return err.Error()
		}
		return string(data)
	}
	text := ""
	if !proctest.Eventually(2*proctest.Patience, func() bool { text = look(); return pattern.MatchString(text) }) { // a demo's day takes a while
		ts.Fatalf("%s did not come to match %q:\n%s", args[0], args[1], text)
	}
}
