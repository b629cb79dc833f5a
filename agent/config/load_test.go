package config

import (
	"encoding/binary"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

const least = "[api]\nbase_url = \"https://api.example/v1\"\norganization_uuid = \"ORG1\"\n"

func mustParse(t *testing.T, text string) *Config {
	t.Helper()
	c, err := Parse("tillpost.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func oslo(t *testing.T) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/Oslo")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	want := &Config{
		File:  "tillpost.toml",
		Store: Store{Location: oslo(t), Currency: "NOK"},
		API: API{BaseURL: "https://api.example/v1", OrganizationUUID: "ORG1",
			Timeout: 30 * time.Second, RequestsPerMinute: 180},
		MQTT:   MQTT{ClientID: "tillpost", TopicPrefix: "tillpost", StatusRetention: 24 * time.Hour, Embedded: &Embedded{Listen: "127.0.0.1:1883"}},
		Outbox: Outbox{Path: defaultOutboxPath(), Retention: 720 * time.Hour},
		Policy: Policy{OrderTTL: 10 * time.Minute, RefundTTL: 24 * time.Hour, CustomerTimeout: 5 * time.Minute,
			BusyMeans: BusyNotCreated, DoubtCheck: 150 * time.Second, DoubtHold: 10 * time.Minute,
			PollInterval: 2 * time.Second, BusyBackoffMin: time.Second, BusyBackoffMax: 5 * time.Second},
		HTTP: HTTP{Listen: "127.0.0.1:9720"},
		Log:  Log{Level: slog.LevelInfo, Format: LogText},
	}
	if got := mustParse(t, least); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if runtime.GOOS == "linux" && (DefaultPath() != "/etc/tillpost/tillpost.toml" || defaultOutboxPath() != "/var/lib/tillpost/outbox.db") {
		t.Errorf("default paths are %s and %s", DefaultPath(), defaultOutboxPath())
	}
}

func TestEveryKey(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("testdata", "full.toml"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("/etc/tillpost/tillpost.toml", data)
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		File:      "/etc/tillpost/tillpost.toml",
		Terminals: []string{"TRML1", "TRML2"},
		Store:     Store{Name: "Bergen", Location: time.UTC, Currency: "SEK"},
		API: API{BaseURL: "http://127.0.0.1:8080/api/v1", TokenFile: "/etc/tillpost/token", OrganizationUUID: "ORG.1:2_3-4",
			Timeout: time.Minute, CAFile: "/etc/ca.pem", RequestsPerMinute: 240},
		MQTT: MQTT{URL: "tls://broker:8883", ClientID: "till 1", Username: "agent", PasswordFile: "/p", CAFile: "/ca",
			CertFile: "/cert", KeyFile: "/key", TopicPrefix: "shops/bergen", StatusRetention: time.Second},
		Outbox: Outbox{Path: "/data/outbox.db", Retention: 24 * time.Hour},
		Policy: Policy{OrderTTL: time.Minute, RefundTTL: time.Hour, CustomerTimeout: 0, ResendAfter: 30 * time.Second,
			BusyMeans: BusyDoubt, DoubtCheck: time.Second, DoubtHold: time.Second, AllowPersonalNumber: true,
			PollInterval: 50 * time.Millisecond, BusyBackoffMin: time.Second, BusyBackoffMax: time.Second},
		OrderDefaults: OrderDefaults{
			CustomerDetails: []byte(`{"address":{"city":"C","country":"NO","street":"S","zip":"1"},"countryCode":"+47",` +
				`"email":"a@b.no","msisdn":"40000000","name":"N","organizationId":"999","personalNumber":"01010112345",` +
				`"preferredLanguage":"no","tags":[1,"x"],"type":"corporate"}`),
			SendOrderBy: []byte(`{"email":true,"sms":false}`),
		},
		Callback: &Callback{Listen: "0.0.0.0:9000", PublicURL: "https://shop.example/tp"},
		HTTP:     HTTP{Listen: "[::1]:80", WebConfigFile: "/web.yml", Hosts: []string{"till-7.example"}},
		Log:      Log{Level: slog.LevelWarn, Format: LogJSON},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// The fault of a file in another encoding says to save it as UTF-8, and where the first foreign character is.
func TestForeignEncodings(t *testing.T) {
	t.Parallel()
	encode := func(order binary.AppendByteOrder, mark bool) []byte {
		var data []byte
		if mark {
			data = order.AppendUint16(data, 0xfeff)
		}
		for _, u := range utf16.Encode([]rune(least)) {
			data = order.AppendUint16(data, u)
		}
		return data
	}
	for name, tc := range map[string]struct {
		data []byte
		want string
	}{
		"UTF-16, little end first": {encode(binary.LittleEndian, true), "t.toml:1:1: the file is in UTF-16"},
		"UTF-16, big end first":    {encode(binary.BigEndian, true), "t.toml:1:1: the file is in UTF-16"},
		"UTF-16 without a mark":    {encode(binary.LittleEndian, false), "t.toml:1:1: the file is in UTF-16"},
		"Latin-1":                  {[]byte(least + "[store]\nname = \"\u00f8 S\xf8r\"\n"), "t.toml:5:13: a character is not in UTF-8"},
	} {
		_, err := Parse("t.toml", tc.data)
		if err == nil || !strings.HasPrefix(err.Error(), tc.want) || !strings.HasSuffix(err.Error(), "save it as UTF-8") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	api := func(key string) string { return "terminals = [\"T\"]\n[api]\n" + key }
	for _, tc := range []struct {
		name, text string
		got        func(*Config) any
		want       any
	}{
		{"base_url in one form", api(`base_url = "HTTPS://API.Example:8443/Api/v1/"`), func(c *Config) any { return c.API.BaseURL }, "https://api.example:8443/Api/v1"},
		{"plain http to loopback", api(`base_url = "http://[::1]:1/"`), func(c *Config) any { return c.API.BaseURL }, "http://[::1]:1"},
		{"plain http to localhost", api(`base_url = "http://LocalHost:1"`), func(c *Config) any { return c.API.BaseURL }, "http://localhost:1"},
		{"tls port", least + "[mqtt]\nurl = \"tls://Broker\"", func(c *Config) any { return c.MQTT.URL }, "tls://broker:8883"},
		{"tcp port", least + "[mqtt]\nurl = \"tcp://[::1]/\"", func(c *Config) any { return c.MQTT.URL }, "tcp://[::1]:1883"},
		{"client id of the prefix", least + "[mqtt]\ntopic_prefix = \"a/b\"", func(c *Config) any { return c.MQTT.ClientID }, "a-b"},
		{"a byte order mark", "\xef\xbb\xbf" + least, func(c *Config) any { return c.API.OrganizationUUID }, "ORG1"},
		{"callback by default", least + "[callback]\npublic_url = \"https://x/\"", func(c *Config) any { return *c.Callback }, Callback{"127.0.0.1:9721", "https://x"}},
		{"two listeners on a port of the system's choice", least + "[http]\nlisten = \"127.0.0.1:0\"\n[mqtt.embedded]\nlisten = \"127.0.0.1:0\"",
			func(c *Config) any { return c.HTTP.Listen }, "127.0.0.1:0"},
		{"one port on two addresses", least + "[http]\nlisten = \"127.0.0.2:1883\"", func(c *Config) any { return c.HTTP.Listen }, "127.0.0.2:1883"},
		{"an open broker with users", least + "[mqtt.embedded]\nlisten = \":1883\"\nusers_file = \"/u\"", func(c *Config) any { return c.MQTT.Embedded.UsersFile }, "/u"},
		{"origins as browsers write them", least + "[mqtt.embedded]\nwebsocket_listen = \"[::1]:9001\"\nwebsocket_origins = [\"HTTPS://Till.Shop.Example:443\", \"https://till.shop.example\", \"http://[::1]:80\", \"http://localhost:8080\", \"https://a:80\"]",
			func(c *Config) any {
				return c.MQTT.Embedded.WebSocketListen + " " + strings.Join(c.MQTT.Embedded.WebSocketOrigins, " ")
			},
			"[::1]:9001 https://till.shop.example http://[::1] http://localhost:8080 https://a:80"},
		{"WebSockets for everybody with users", least + "[mqtt.embedded]\nwebsocket_listen = \":9001\"\nusers_file = \"/u\"",
			func(c *Config) any { return c.MQTT.Embedded.WebSocketListen }, ":9001"},
		{"dotted keys", "api.base_url = \"https://a\"\napi.organization_uuid = \"O\"", func(c *Config) any { return c.API.OrganizationUUID }, "O"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.got(mustParse(t, tc.text)); got != tc.want {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestRelativePathsStartAtTheFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, "t.toml")
	text := least + "token_file = \"token\"\n[outbox]\npath = \"data/outbox.db\"\n[mqtt.embedded]\nusers_file = \"users\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	got := []string{c.API.TokenFile, c.Outbox.Path, c.MQTT.Embedded.UsersFile, c.API.CAFile}
	want := []string{filepath.Join(folder, "token"), filepath.Join(folder, "data", "outbox.db"), filepath.Join(folder, "users"), ""}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLoadOfNoFile(t *testing.T) {
	t.Parallel()
	_, err := Load(filepath.Join(t.TempDir(), "none.toml"))
	if !errors.Is(err, os.ErrNotExist) || !strings.HasSuffix(err.Error(), "; name the file with --config") {
		t.Errorf("got %v", err)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "large.toml")
	if err := os.WriteFile(path, []byte(strings.Repeat("#", maxFile+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || err.Error() != path+":1:1: the file has more than 256 KiB; is it a configuration?" {
		t.Errorf("got %v", err)
	}
}

// The example that is installed must be a configuration as it stands, and so
// must it be with every commented key put in force.
func TestPackagedExample(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(filepath.Join("..", "..", "packaging", "tillpost.toml"))
	if err != nil {
		t.Fatal(err)
	}
	mustParse(t, string(data))
	var lines []string
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "# ") {
			continue
		}
		lines = append(lines, strings.TrimPrefix(line, "#"))
	}
	full := strings.Join(lines, "")
	c, err := Parse("example", []byte(full))
	if err == nil {
		t.Fatalf("an external and an embedded broker at once passed: %+v", c.MQTT)
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || len(e.Faults) != 1 || e.Faults[0].Key != "mqtt.embedded" {
		t.Errorf("with every key put in force:\n%v", err)
	}
}
