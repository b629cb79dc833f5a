package check

import (
	"bufio"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"tillpost/internal/hostport"
)

const (
	dropIn   = "copy packaging/mosquitto/tillpost.conf to /etc/mosquitto/conf.d/ there and restart it"
	rightSet = "it does with persistence true, autosave_on_changes true, autosave_interval 1, max_queued_messages 0, " +
		"and is quick with set_tcp_nodelay true; else "
)

// reportPersistence reports whether the broker keeps what waits for the agent over a crash, as far as that can be found
// out: no broker publishes it. It matters between a till's publish and our "queued", which can be long while the agent is
// down.
func (c *checker) reportPersistence(fs *findings, u *url.URL, name string) {
	if name != "" {
		fs.ok("%s", name)
	}
	if advice := adviceFor(name); advice != "" {
		fs.warn(advice, "whether it keeps what waits for tillpost over a crash can't be seen from here")
		return
	}
	if hostport.Loopback(u.Hostname()) {
		set := settings{values: map[string]string{}}
		if set.read(c.machine.mosquitto, true) && set.listensOn(u.Port()) {
			if wrong := set.losing(); len(wrong) > 0 {
				fs.warn(dropIn, "mosquitto loses what waits for tillpost when it crashes; %s lacks: %s", c.machine.mosquitto, strings.Join(wrong, ", "))
				return
			}
			fs.ok("it keeps what waits for tillpost on disk")
			if set.values["set_tcp_nodelay"] != "true" {
				fs.warn(dropIn, "mosquitto lets a status wait up to 40 ms; %s lacks: set_tcp_nodelay true", c.machine.mosquitto)
			}
			return
		}
	}
	fix := rightSet + dropIn
	if name == "" {
		fix = "if it is a mosquitto: " + fix + "; of others, docs/brokers.md tells"
	}
	fs.warn(fix, "whether it keeps what waits for tillpost over a crash can't be seen from here")
}

// oldBroker stands for the name of a broker that does not publish its own, and is no mosquitto of the last years.
const oldBroker = "it speaks MQTT 3.1.1 only"

// adviceFor returns what to see to in a broker that is no mosquitto; "" for a mosquitto, or a broker without a name.
func adviceFor(name string) string {
	switch lower := strings.ToLower(name); {
	case name == "", strings.Contains(lower, "mosquitto"):
		return ""
	case name == oldBroker:
		return "a NATS server does with jetstream { sync_interval: always }; of others see docs/brokers.md"
	case strings.Contains(lower, "rabbitmq"):
		return "its queues are durable unless mqtt.durable_queue_type or a policy says otherwise; set mqtt.prefetch = 100, and no length limit or TTL on the queues of its MQTT clients"
	}
	return "see docs/brokers.md, and its documentation: sessions and retained messages have to be on disk, without a bound on what waits"
}

// settings are the lines of a mosquitto's configuration; of a key that is there twice, the last, but all listeners.
type settings struct {
	values    map[string]string
	listeners []string
}

// read reads a configuration, on request with what it includes. It returns false if it can't be read.
func (s *settings) read(path string, include bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // only read from
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, value, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		value = strings.TrimSpace(value)
		switch {
		case key == "" || strings.HasPrefix(key, "#"):
		case key == "include_dir" && include:
			more, err := filepath.Glob(filepath.Join(value, "*.conf"))
			if err != nil {
				return false
			}
			for _, file := range more { // in order, as mosquitto does
				if !s.read(file, false) {
					return false
				}
			}
		case key == "listener" || key == "port":
			port, _, _ := strings.Cut(value, " ")
			s.listeners = append(s.listeners, port)
		default:
			s.values[key] = value
		}
	}
	return lines.Err() == nil
}

// listensOn reports whether a broker with these settings is the one at that port.
func (s settings) listensOn(port string) bool {
	if len(s.listeners) == 0 {
		return port == "1883"
	}
	return slices.Contains(s.listeners, port)
}

// losing returns the settings for want of which messages are lost in a crash.
func (s settings) losing() []string {
	var wrong []string
	for _, want := range []string{"persistence", "autosave_on_changes"} {
		if s.values[want] != "true" {
			wrong = append(wrong, want+" true")
		}
	}
	if s.values["autosave_interval"] != "1" {
		wrong = append(wrong, "autosave_interval 1")
	}
	if n, err := strconv.Atoi(s.values["max_queued_messages"]); err != nil || n != 0 && n < 100_000 {
		wrong = append(wrong, "max_queued_messages 0")
	}
	return wrong
}
