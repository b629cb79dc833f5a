package mqtt_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"testing"
	"time"

	"tillpost/mqtt"
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
		b := startBroker(t, func(o *mqtt.BrokerOptions) {
			overWebSockets(o)
			o.Topics.Prefix = "tillpost" // they use "test"
		})
		b.acking()
		run := exec.CommandContext(bounded(t, 5*time.Minute), "node", "node_modules/mocha/bin/mocha.js", "--no-config", "--exit", "--reporter", "spec", "--timeout", "20000", "mosca.cjs")
		run.Dir = "testdata/conformance"
		run.Env = append(os.Environ(), "BROKER="+b.Addr(), "BROKER_WEB=ws://"+b.WebSocketAddr()+"/mqtt")
		judge(t, run, regexp.MustCompile(`(\d+) passing`), 90)
	})
	t.Run("paho", func(t *testing.T) {
		t.Parallel()
		// They want port 1883: of an address that nobody else is likely to have.
		host := fmt.Sprintf("127.%d.%d.%d", 1+os.Getpid()%250, os.Getpid()/250%250, 1+os.Getpid()/62_500)
		b := startBroker(t, func(o *mqtt.BrokerOptions) { o.Listen, o.Topics.Prefix = host+":1883", "tillpost" })
		b.acking()
		run := exec.CommandContext(bounded(t, 10*time.Minute), "go", "test", "-count=1", "-v", "-timeout", "8m",
			"-skip", "^(Test_CleanSession|Test_OverLengthTopic)$", "github.com/eclipse/paho.mqtt.golang")
		run.Env = append(os.Environ(), "TEST_FVT_ADDR="+host)
		judge(t, run, regexp.MustCompile(`(?m)^--- PASS`), 80)
	})
}

func bounded(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

// judge holds that all tests of a run passed, and that there were as many as there should be: what the pattern finds is
// their number, or one of them each time.
func judge(t *testing.T, run *exec.Cmd, passed *regexp.Regexp, least int) {
	t.Helper()
	out, err := run.CombinedOutput()
	found := passed.FindAllStringSubmatch(string(out), -1)
	n := len(found)
	if n == 1 && len(found[0]) == 2 {
		n, _ = strconv.Atoi(found[0][1])
	}
	t.Logf("%d tests passed", n)
	if err != nil || n < least {
		t.Errorf("%v; want at least %d\n%s", err, least, out)
	}
}
