package setup

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"tillpost/agent/config"
	"tillpost/packaging"
)

const walkIn = `{"type":"private","name":"A \"name\" \\ with\ttabs","countryCode":"+47","msisdn":"40000000","email":"receipts@shop.example",
"personalNumber":null,"odd key":"ø","address":{"street":"Street 1","zip":"0001","city":"Oslo","country":"NO"}}`

// TestRenderedIsRead: what is written is a configuration, and says what was answered.
func TestRenderedIsRead(t *testing.T) {
	t.Parallel()
	a := Answers{Store: `Oslo "S" \ 1`, APIURL: DefaultAPI, Organization: "ORG1", Broker: "tls://broker:8883", BrokerUser: "agent", BrokerPassword: "x", Page: "127.0.0.1:9720"}
	if err := a.ParseWalkIn([]byte(walkIn)); err != nil {
		t.Fatal(err)
	}
	if err := a.Fault(); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Parse("tillpost.toml", Render(a, Paths{Folder: `/etc/till "post"`, Outbox: "/srv/outbox.db"}))
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := errors.Join(json.Unmarshal(cfg.OrderDefaults.CustomerDetails, &got), json.Unmarshal([]byte(walkIn), &want)); err != nil {
		t.Fatal(err)
	}
	delete(want, "personalNumber") // TOML has no null
	g, _ := json.Marshal(got)
	w, _ := json.Marshal(want)
	if !bytes.Equal(g, w) {
		t.Error("the customer is another one")
	}
	if cfg.Store.Name != a.Store || cfg.MQTT.URL != a.Broker || cfg.MQTT.Username != "agent" || cfg.Outbox.Path != "/srv/outbox.db" ||
		cfg.MQTT.PasswordFile != `/etc/till "post"/mqtt-password` || cfg.API.TokenFile != `/etc/till "post"/api-token` {
		t.Errorf("%+v %+v", cfg.Store, cfg.MQTT)
	}
}

func TestUsersAreRead(t *testing.T) {
	t.Parallel()
	hash, err := bcrypt.GenerateFromPassword([]byte("a secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	var a Answers
	if err := a.ParseUsers([]byte("# who may look\n\nanna:" + string(hash) + "\r\nbo:plain-secret\n")); err != nil {
		t.Fatal(err)
	}
	if a.Users["anna"] != string(hash) || bcrypt.CompareHashAndPassword([]byte(a.Users["bo"]), []byte("plain-secret")) != nil {
		t.Error("the users are others")
	}
	if web := string(a.webConfig()); strings.Contains(web, "plain-secret") || !strings.Contains(web, "anna:") {
		t.Error("the web configuration is not right")
	}
	const secret = "very-secret"
	for _, wrong := range []string{"", "# nobody\n", "anna\n", ":" + secret, "an na:" + secret, "anna:{SHA}" + secret, "anna:$apr1$" + secret, "basic_auth_users: [" + secret, "anna:" + strings.Repeat(secret, 10)} {
		err := new(Answers).ParseUsers([]byte(wrong))
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%d characters: %v", len(wrong), err)
		}
	}
}

func TestOnlyAStubIsReplaced(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tillpost.toml")
	if err := Fresh(path); err != nil {
		t.Errorf("nothing is there: %v", err)
	}
	for text, fresh := range map[string]bool{string(packaging.Stub): true, strings.ReplaceAll(string(packaging.Stub), "\n", "\r\n"): true, string(packaging.Stub) + "#\n": false, "": false} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := Fresh(path); (err == nil) != fresh {
			t.Errorf("%d characters: %v", len(text), err)
		}
	}
}

// TestAPageForOthersIsEncrypted: the certificate is made out to the address.
func TestAPageForOthersIsEncrypted(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	a := Answers{APIURL: DefaultAPI, Organization: "ORG1", Broker: DefaultBroker, Page: "192.0.2.7:9720", Token: "token", TLS: true}
	if err := a.AddUser("anna", "long-enough"); err != nil {
		t.Fatal(err)
	}
	written, err := Write(filepath.Join(folder, "tillpost.toml"), a, Paths{Folder: folder})
	if err != nil || len(written) != 5 {
		t.Fatalf("%q, %v", written, err)
	}
	for _, name := range written {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o027 != 0 {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
	if _, err := Write(filepath.Join(folder, "tillpost.toml"), a, Paths{Folder: folder}); err == nil {
		t.Error("it is overwritten")
	}
}

func TestAWrongAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	k := NewAsker(strings.NewReader("one\ntwo\nthree\n"), &out)
	got, err := k.Ask("Say three", "", func(text string) error {
		if text != "three" {
			return errors.New("write three")
		}
		return nil
	})
	if err != nil || got != "three" || strings.Count(out.String(), "  write three\n") != 2 {
		t.Errorf("%q, %v: %s", got, err, &out)
	}
	k = NewAsker(strings.NewReader(strings.Repeat("no\n", 100)), &out)
	if _, err := k.Ask("Say three", "", func(string) error { return errors.New("write three") }); err == nil {
		t.Error("it is asked for ever")
	}
}
