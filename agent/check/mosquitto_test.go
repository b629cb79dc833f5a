package check

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestKeeps(t *testing.T) {
	t.Parallel()
	const good = "persistence true\nautosave_on_changes true\nautosave_interval 1\nmax_queued_messages 0\nset_tcp_nodelay true\n"
	included := t.TempDir()
	if err := os.WriteFile(filepath.Join(included, "tillpost.conf"), []byte(good+"listener 1884\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		url, name, conf string
		want            []string
	}{
		"good":                  {"tcp://127.0.0.1:1883", "mosquitto version 2.0.11", "# mine\n" + good, []string{"ok broker mosquitto version 2.0.11; it keeps"}},
		"good, in a drop-in":    {"tcp://localhost:1884", "", "persistence false\ninclude_dir " + included + "\n", []string{"ok broker it keeps"}},
		"a drop-in from before": {"tcp://localhost:1884", "", "include_dir " + included + "\npersistence false\n", []string{"warn broker…lacks: persistence true; "}},
		"as it is shipped":      {"tcp://127.0.0.1:1883", "", "persistence true\npersistence_location /var/lib/mosquitto/\n", []string{"warn broker…loses…mosquitto.conf lacks: autosave_on_changes true, autosave_interval 1, max_queued_messages 0; copy packaging"}},
		"slow":                  {"tcp://127.0.0.1:1883", "", strings.Replace(good, "nodelay true", "nodelay false", 1), []string{"ok broker it keeps", "warn broker…40 ms; …mosquitto.conf lacks: set_tcp_nodelay true; copy packaging"}},
		"bounded":               {"tcp://127.0.0.1:1883", "", good + "max_queued_messages 500\n", []string{"warn broker…lacks: max_queued_messages 0"}},
		"bounded, but far":      {"tcp://127.0.0.1:1883", "", good + "max_queued_messages 100000\n", []string{"ok broker"}},
		"another port":          {"tcp://127.0.0.1:1885", "mosquitto version 2", good, []string{"ok broker mosquitto", "warn broker whether it keeps"}},
		"another machine":       {"tls://broker:1883", "", good, []string{"warn broker whether it keeps…autosave_interval 1"}},
		"no configuration":      {"tcp://127.0.0.1:1883", "", "", []string{"warn broker whether it keeps"}},
		"a missing drop-in":     {"tcp://127.0.0.1:1883", "", good + "include_dir [\n", []string{"warn broker whether it keeps"}},
		"another make":          {"tcp://127.0.0.1:1883", "EMQX 5.8", good, []string{"ok broker EMQX 5.8", "warn broker…whether it keeps…its documentation"}},
		"RabbitMQ":              {"tcp://127.0.0.1:1883", "RabbitMQ, by what it does", good, []string{"ok broker RabbitMQ", "warn broker whether it keeps…mqtt.prefetch"}},
		"one that is silent":    {"tls://broker:1883", "", "", []string{"warn broker whether it keeps…if it is a mosquitto: …docs/brokers.md"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChecker(t, fmt.Sprintf("[mqtt]\nurl = %q", tc.url))
			if tc.conf != "" {
				c.machine.mosquitto = writeFile(t, "mosquitto.conf", tc.conf, 0o600)
			}
			u, err := url.Parse(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			fs := about("broker")
			c.reportPersistence(fs, u, tc.name)
			want(t, fs.done(), tc.want...)
		})
	}
}
