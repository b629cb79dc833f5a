package broker_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	paho "github.com/eclipse/paho.mqtt.golang"
	"golang.org/x/crypto/bcrypt"

	"tillpost/internal/proctest"
	"tillpost/mqtt"
	"tillpost/mqtt/broker"
	"tillpost/mqtt/mqtttest"
)

const roles = `
[roles.till]
publish = ["orders", "cancels"]
[roles.desk]
publish = ["refunds", "cancels", "resolutions"]
[roles.display]
read = "displays"
[roles.watcher]
`

// hash is cheap: these tests log in often.
func hash(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func user(t *testing.T, name, role, terminals string) string {
	t.Helper()
	return fmt.Sprintf("[users.%q]\npassword = %q\nrole = %q\nterminals = [%s]\n", name, hash(t, "secret of "+name), role, terminals)
}

func startRestricted(t *testing.T) (*embedded, func(text string)) {
	t.Helper()
	return startWithUsers(t, roles+user(t, "till-1", "till", `"T1"`)+user(t, "desk", "desk", `"*"`)+
		user(t, "display-1", "display", `"T1"`)+user(t, "watcher", "watcher", `"*"`))
}

func startWithUsers(t *testing.T, users string) (*embedded, func(text string)) {
	t.Helper()
	return startWithUsersAnd(t, users, func(*broker.Options) {})
}

func startWithUsersAnd(t *testing.T, users string, change func(*broker.Options)) (*embedded, func(text string)) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users.toml")
	write := func(text string) {
		t.Helper()
		// As an editor does: at no moment is there half a file.
		if err := os.WriteFile(file+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	write(users)
	return startBroker(t, func(o *broker.Options) {
		o.UsersFile = file
		change(o)
	}), write
}

func login(name string) string { return name + ":secret of " + name }

// publishes reports whether the broker took a message of a user: if it did not,
// it has closed the connection.
func (e *embedded) publishes(name, topic string) bool {
	e.t.Helper()
	client := connect(e.t, e.Broker, login(name))
	token := client.Publish(topic, 1, false, "x")
	for {
		select {
		case d := <-e.deliveries:
			if d.Topic != topic {
				e.t.Fatalf("%s came as %s", topic, d.Topic)
			}
			d.Ack()
		case <-token.Done():
			if token.Error() == nil != client.IsConnectionOpen() {
				e.t.Errorf("%s on %s: %v, but open %t", name, topic, token.Error(), client.IsConnectionOpen())
			}
			client.Disconnect(0)
			return token.Error() == nil
		}
	}
}

func TestBrokerWriteRights(t *testing.T) {
	t.Parallel()
	b, _ := startRestricted(t)
	for _, tt := range []struct {
		user, topic string
		want        bool
	}{
		{"till-1", "test/terminals/T1/orders", true},
		{"till-1", "test/terminals/T1/cancels", true},
		{"till-1", "test/terminals/T1/ordres", true}, // so that it is refused as unknownKind
		{"till-1", "test/terminals/T1/refunds", false},
		{"till-1", "test/terminals/T2/orders", false},
		{"till-1", "test/terminals/T2/ordres", false},
		{"till-1", "test/terminals/T1/display", false},
		{"till-1", "test/terminals/T1/status/r1", false},
		{"till-1", "test/agent", false},
		{"till-1", "shop/drawer", false},
		{"desk", "test/terminals/T2/refunds", true},
		{"desk", "test/terminals/T2/resolutions", true},
		{"desk", "test/terminals/T2/orders", false},
		{"display-1", "test/terminals/T1/checks", false},
		{"display-1", "test/terminals/T1/anything", false},
		{"watcher", "test/terminals/T1/orders", false},
	} {
		if got := b.publishes(tt.user, tt.topic); got != tt.want {
			t.Errorf("%s publishes on %s: %t", tt.user, tt.topic, got)
		}
	}
	if !strings.Contains(b.log.String(), "user=till-1") {
		t.Error("the log does not tell who was denied what")
	}
}

// TestBrokerAgentsTopics: without users everybody may place requests, and
// nobody may speak for the agent.
func TestBrokerAgentsTopics(t *testing.T) {
	t.Parallel()
	b := startBroker(t, nil)
	for topic, want := range map[string]bool{
		"test/terminals/T1/refunds": true, "test/terminals/T1/unheard": true,
		"test/terminals/T1/status/r1": false, "test/terminals/T1/display": false, "test/terminals": false,
		"test/agent": false, "test/rejects": false, "test": false, "test/else": false,
		"test/" + strings.Repeat("x/", 600): false, "shop/" + strings.Repeat("x", 1020): false,
	} {
		if got := b.publishes("anybody", topic); got != want {
			t.Errorf("anybody publishes on %.40s: %t", topic, got)
		}
	}
}

func granted(t *testing.T, c paho.Client, filter string) bool {
	t.Helper()
	token := c.Subscribe(filter, 1, nil)
	if !token.WaitTimeout(proctest.Patience) {
		t.Fatal("no answer to a subscription")
	}
	return token.(*paho.SubscribeToken).Result()[filter] == 1
}

func TestBrokerReadRights(t *testing.T) {
	t.Parallel()
	b, _ := startRestricted(t)
	topics := []string{
		"test/agent", "test/terminals", "test/rejects", "test/terminals/T1/display", "test/terminals/T1/status/r1",
		"test/terminals/T2/display", "test/terminals/T2/status/r2",
	}
	for _, topic := range topics {
		b.publish(topic, topic)
	}
	for user, want := range map[string]string{
		"display-1": "test/agent test/terminals/T1/display",
		"till-1":    "test/agent test/rejects test/terminals test/terminals/T1/display test/terminals/T1/status/r1",
		"watcher":   strings.Join(topics, " "),
	} {
		for _, live := range []bool{false, true} {
			var got []string
			c := connect(t, b.Broker, login(user))
			messages := make(chan string, 100)
			c.AddRoute("#", func(_ paho.Client, m paho.Message) { messages <- string(m.Payload()) })
			if !granted(t, c, "#") {
				t.Fatalf("%s may not subscribe to #", user)
			}
			for range strings.Fields(want) {
				got = append(got, mqtttest.Receive(t, messages))
			}
			if live {
				for _, topic := range topics {
					b.publish(topic, topic)
				}
				got = got[:0]
				for range strings.Fields(want) {
					got = append(got, mqtttest.Receive(t, messages))
				}
			}
			if !sameWords(strings.Join(got, " "), want) {
				t.Errorf("%s reads %q, want %q", user, got, want)
			}
			c.Disconnect(0)
			if len(messages) > 0 {
				t.Errorf("%s reads %s too", user, <-messages)
			}
		}
	}
	display := connect(t, b.Broker, login("display-1"))
	for filter, want := range map[string]bool{
		"test/terminals/T1/display": true, "test/terminals/+/display": true, "test/#": true,
		"test/terminals/T2/display": false, "test/terminals/+/status/+": false, "test/rejects": false, "shop/#": false,
		"$SYS/#": false, "$share/g/test/agent": false,
	} {
		if got := granted(t, display, filter); got != want {
			t.Errorf("display-1 subscribes to %s: %t", filter, got)
		}
	}
}

func sameWords(a, b string) bool {
	count := map[string]int{}
	for _, w := range strings.Fields(a) {
		count[w]++
	}
	for _, w := range strings.Fields(b) {
		count[w]--
	}
	for _, n := range count {
		if n != 0 {
			return false
		}
	}
	return true
}

func TestBrokerLogin(t *testing.T) {
	t.Parallel()
	b, _ := startRestricted(t)
	for _, who := range []string{"", "till-1:", "till-1:wrong", "nobody:secret of till-1", "till-1:" + strings.Repeat("x", 100)} {
		_, token := dialTill(t, b.Broker, who, "")
		if !token.WaitTimeout(proctest.Patience) || token.(*paho.ConnectToken).ReturnCode() != 5 {
			t.Errorf("%.20q: %v", who, token.Error())
		}
	}
	if strings.Contains(b.log.String(), "nobody") || strings.Contains(b.log.String(), "secret") {
		t.Errorf("the log tells what a stranger typed:\n%s", b.log)
	}
	first, token := dialTill(t, b.Broker, login("till-1"), "pos")
	if !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	if _, token = dialTill(t, b.Broker, login("desk"), "pos"); !token.WaitTimeout(proctest.Patience) || token.Error() == nil {
		t.Error("a user took another one's client id")
	}
	second, token := dialTill(t, b.Broker, login("till-1"), "pos")
	if !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
		t.Fatalf("a till could not come back under its id: %v", token.Error())
	}
	mqtttest.Receive(t, first.lost)
	// The old connection's end must not take the new one's subscription along.
	if !granted(t, second, "test/agent") {
		t.Fatal("not granted")
	}
	seen := make(chan string, 1)
	second.AddRoute("test/agent", func(_ paho.Client, m paho.Message) { seen <- string(m.Payload()) })
	b.publish("test/agent", "online")
	mqtttest.Receive(t, seen)
}

// TestBrokerUsersChange: a new file is in force at once for who is connected,
// and one with a mistake changes nothing.
func TestBrokerUsersChange(t *testing.T) {
	t.Parallel()
	b, write := startRestricted(t)
	till, desk := connect(t, b.Broker, login("till-1")), connect(t, b.Broker, login("desk"))
	write(roles + "[users.till-1]\npassword = \"oops\"")
	b.untilLogged("what it held before stays in force")
	if !b.publishes("till-1", "test/terminals/T1/orders") || !till.IsConnectionOpen() {
		t.Error("a mistake in the file changed something")
	}
	// A new hash is a new password, whatever it is of.
	write(roles + user(t, "desk", "desk", `"*"`) + user(t, "till-1", "till", `"T2"`))
	mqtttest.Receive(t, desk.lost)
	mqtttest.Receive(t, till.lost)
	if b.publishes("till-1", "test/terminals/T1/orders") || !b.publishes("till-1", "test/terminals/T2/orders") {
		t.Error("the new file is not in force")
	}
	if strings.Contains(b.log.String(), "oops") {
		t.Error("the log quotes the users file")
	}
}

func (e *embedded) untilLogged(text string) {
	e.t.Helper()
	for !strings.Contains(e.log.String(), text) {
		e.roundTripAs(login("watcher"))
	}
}

// TestBrokerRightsChange: rights change under a connection that stands.
func TestBrokerRightsChange(t *testing.T) {
	t.Parallel()
	entry, watcher := user(t, "till-9", "till", `"T1"`), user(t, "watcher", "watcher", `"*"`)
	b, write := startWithUsers(t, roles+watcher+entry)
	till := connect(t, b.Broker, login("till-9"))
	seen := make(chan paho.Message, 10)
	if token := till.Subscribe("test/#", 1, func(_ paho.Client, m paho.Message) { seen <- m }); !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
		t.Fatal(token.Error())
	}
	b.publish("test/terminals/T1/display", "one")
	mqtttest.Receive(t, seen)
	write(roles + watcher + strings.Replace(entry, `"T1"`, `"T2"`, 1))
	b.untilLogged("read again")
	b.publish("test/terminals/T1/display", "hidden")
	b.publish("test/terminals/T2/display", "two")
	if m := mqtttest.Receive(t, seen); string(m.Payload()) != "two" {
		t.Errorf("%s: %s", m.Topic(), m.Payload())
	}
	token := till.Publish("test/terminals/T2/orders", 1, false, "x")
	mqtttest.Receive(t, b.deliveries).Ack()
	if !token.WaitTimeout(proctest.Patience) || token.Error() != nil {
		t.Error(token.Error())
	}
	till.Publish("test/terminals/T1/orders", 1, false, "x")
	mqtttest.Receive(t, till.lost) // the old right holds no more
}

func TestParseUsers(t *testing.T) {
	t.Parallel()
	h := hash(t, "secret")
	topics := mqtt.Topics{Prefix: "test"}
	good := fmt.Sprintf("[roles.till]\npublish = [\"orders\"]\n[users.a]\npassword = %q\nrole = \"till\"\nterminals = [\"T1\"]\n", h)
	if _, err := broker.ParseUsers(topics, good); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ old, new, want string }{
		{good, "", "names no users"},
		{`password = `, `pasword = `, "line 4, column 1: there is no key users.a.pasword"},
		{h, "secret", "no bcrypt hash"},
		{h, strings.Replace(h, "$04$", "$15$", 1), "cost is 15"},
		{h, h[:50], "no bcrypt hash"},
		{`role = "till"`, `role = "desk"`, `no role "desk"`},
		{`role = "till"`, `role = 7`, "line 5"},
		{`["T1"]`, `[]`, "terminals: name"},
		{`["T1"]`, `["T1", "*"]`, "stands alone"},
		{`["T1"]`, `["T 1"]`, "no terminal's uuid"},
		{`["orders"]`, `["order"]`, `no kind "order"; there are orders, refunds`},
		{"[users", "read = \"displays\"\n[users", "publishes nothing"},
		{"[users", "read = \"none\"\n[users", `"all" or "displays"`},
		{"[users", "=[users", "line 3"},
	} {
		_, err := broker.ParseUsers(topics, strings.Replace(good, tt.old, tt.new, 1))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), h[8:20]) {
			t.Errorf("%q for %q: %v, want %q", tt.new, tt.old, err, tt.want)
		}
	}
}
