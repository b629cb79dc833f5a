package broker_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"tillpost/mqtt/broker"
)

// TestConformance runs what others have written to test brokers and clients with: mosca's tests, by the authors of
// MQTT.js, over TCP and WebSockets, and the functional tests of Eclipse Paho's client for Go. "make test-conformance"
// fetches them. What of them is not run stands with its reason in docs/embedded-broker.md.
func TestConformance(t *testing.T) {
	if os.Getenv("TILLPOST_CONFORMANCE") == "" {
		t.Skip("the tests of other projects are fetched and run by make test-conformance")
	}
	t.Parallel()
	t.Run("mosca", func(t *testing.T) {
		t.Parallel()
		b := startBroker(t, func(o *broker.Options) {
			overWebSockets(o)
			o.Topics.Prefix = "tillpost" // they use "test"
		})
		b.acking()
		run := exec.CommandContext(bounded(t, 5*time.Minute), "node", "node_modules/mocha/bin/mocha.js", "--no-config", "--exit", "--reporter", "spec", "--timeout", "20000", "mosca.cjs")
		run.Dir = "testdata/conformance"
		run.Env = append(os.Environ(), "BROKER="+b.Addr(), "BROKER_WEB=ws://"+b.WebSocketAddr()+"/mqtt")
		out, err := run.CombinedOutput()
		if passed := regexp.MustCompile(`(\d+) passing`).FindSubmatch(out); err != nil || passed == nil || len(passed[1]) < 2 {
			t.Errorf("%v\n%s", err, out)
		}
	})
	t.Run("paho", func(t *testing.T) {
		t.Parallel()
		// They want port 1883: of an address that nobody else is likely to have.
		host := fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%250, os.Getpid()/250%250, 1+os.Getpid()/62_500)
		b := startBroker(t, func(o *broker.Options) { o.Listen, o.Topics.Prefix = host+":1883", "tillpost" })
		b.acking()
		ctx := bounded(t, 10*time.Minute)
		paho := func(which string) *exec.Cmd {
			run := exec.CommandContext(ctx, "go", "test", "-count=1", "-v", "-timeout", "8m", "-run", which,
				"-skip", "^(Test_CleanSession|Test_OverLengthTopic)$", "github.com/eclipse/paho.mqtt.golang")
			run.Env = append(os.Environ(), "TEST_FVT_ADDR="+host)
			return run
		}
		out, err := paho(".").CombinedOutput()
		if n := len(regexp.MustCompile(`(?m)^--- PASS`).FindAll(out, -1)); n < 80 {
			t.Fatalf("%d tests passed: %v\n%s", n, err, out)
		}
		// Some of them give the broker a second, which a busy machine may not have: those have another try.
		for _, failed := range regexp.MustCompile(`(?m)^--- FAIL: (\S+)`).FindAllSubmatch(out, -1) {
			name := string(failed[1])
			t.Logf("%s is tried again", name)
			if again, err := paho("^" + name + "$").CombinedOutput(); err != nil {
				t.Errorf("%v\n%s\nand at first:\n%s", err, again, out)
			}
		}
	})
}

func bounded(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}
