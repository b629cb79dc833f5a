package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// maxFile bounds a configuration file, which in practice has a few hundred bytes.
const maxFile = 256 << 10

// Load reads and checks the configuration file at path. For a file that can be read but not used it returns an [*Error]
// with every fault in it. It does not check that the token and the files that the configuration names exist.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, fmt.Errorf("read the configuration: %w; run this as a user who may read it", err)
	case err != nil:
		return nil, fmt.Errorf("read the configuration: %w; name the file with --config", err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w; name the file with --config", err)
	}
	return Parse(path, data)
}

// Parse is [Load] for a configuration that is in memory already. The name is used in errors, and relative file names in
// the configuration are taken from its folder.
func Parse(name string, data []byte) (*Config, error) {
	if len(data) > maxFile {
		return nil, &Error{File: name, Faults: []Fault{{Line: 1, Column: 1,
			Problem: "the file has more than " + strconv.Itoa(maxFile>>10) + " KiB", Want: "is it a configuration?"}}}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")) // Windows' Notepad writes it
	if fault, foreign := notUTF8(data); foreign {
		return nil, &Error{File: name, Faults: []Fault{fault}}
	}
	doc := map[string]any{}
	if err := toml.Unmarshal(data, &doc); err != nil {
		return nil, notTOML(name, data, err)
	}
	r := &reader{positions: locate(data), bad: map[string]bool{}}
	c := defaults()
	c.File = name
	r.config(doc, c)
	r.unknown()
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Fault) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, &Error{File: name, Faults: r.faults}
	}
	c.resolvePaths(filepath.Dir(name))
	return c, nil
}

func (r *reader) config(doc map[string]any, c *Config) {
	root := &table{r: r, values: doc, present: true}
	r.tables = append(r.tables, root)
	terminals(root, c)
	store(root.table("store"), &c.Store)
	r.api(root.table("api"), c)
	r.mqtt(root.table("mqtt"), &c.MQTT)
	outbox := root.table("outbox")
	outbox.text("path", &c.Outbox.Path, notEmpty)
	outbox.duration("retention", &c.Outbox.Retention)
	r.policy(root.table("policy"), &c.Policy)
	r.orderDefaults(root.table("order_defaults"), c)
	r.callback(root.table("callback"), c)
	http := root.table("http")
	http.text("listen", &c.HTTP.Listen, isListen)
	http.text("web_config_file", &c.HTTP.WebConfigFile, notEmpty)
	http.hosts(c)
	r.log(root.table("log"), &c.Log)
	r.listeners(c)
}

func terminals(t *table, c *Config) {
	const key, want = "terminals", `a list of terminal uuids, such as ["TRML1216693970"]`
	seen := map[string]bool{}
	c.Terminals = t.texts(key, key, want, isID, func(id string) (problem, want string) {
		if seen[id] {
			return id + " is there twice", "take one out"
		}
		seen[id] = true
		return "", ""
	})
}

func store(t *table, s *Store) {
	t.text("name", &s.Name)
	zone := "Europe/Oslo"
	t.text("timezone", &zone, isTimezone)
	s.Location, _ = time.LoadLocation(zone) // it is the default, which is compiled in, or was found by isTimezone
	t.text("currency", &s.Currency, isCurrency)
}

func (r *reader) api(t *table, c *Config) {
	a := &c.API
	if t.text("base_url", &a.BaseURL, isWebURL) {
		a.BaseURL = canonicalURL(a.BaseURL)
	} else {
		t.missing("base_url", `write the API's address, such as "https://apigo.frontpayment.no/api/v1"`)
	}
	t.text("token_file", &a.TokenFile, notEmpty)
	if !t.text("organization_uuid", &a.OrganizationUUID, isID) && len(c.Terminals) == 0 && !r.bad["terminals"] {
		t.missing("organization_uuid", "write the organisation's uuid, or name the terminals at the top of the file")
	}
	t.duration("timeout", &a.Timeout)
	t.text("ca_file", &a.CAFile, notEmpty)
	const perMinute, most = "requests_per_minute", 1_000_000 // fits an int on the 32-bit machines too
	value := int64(a.RequestsPerMinute)
	if as(t, perMinute, &value, "a whole number, such as 180") && (value < 1 || value > most) {
		r.fault(join(t.path, perMinute), strconv.FormatInt(value, 10)+" is out of range", "write a whole number from 1 to "+strconv.Itoa(most))
	}
	a.RequestsPerMinute = int(value)
}

func (r *reader) policy(t *table, p *Policy) {
	t.duration("order_ttl", &p.OrderTTL)
	t.duration("refund_ttl", &p.RefundTTL)
	t.durationFrom(0, "customer_timeout", &p.CustomerTimeout) // "0s" waits for ever
	t.durationFrom(0, "resend_after", &p.ResendAfter)         // "0s" is off
	busy := string(p.BusyMeans)
	t.text("busy_means", &busy, oneOf(string(BusyNotCreated), string(BusyDoubt)))
	p.BusyMeans = BusyMeans(busy)
	t.duration("doubt_check", &p.DoubtCheck)
	t.duration("doubt_hold", &p.DoubtHold)
	as(t, "allow_personal_number", &p.AllowPersonalNumber, "true or false, without quotes")
	t.duration("poll_interval", &p.PollInterval)
	t.duration("busy_backoff_min", &p.BusyBackoffMin)
	t.duration("busy_backoff_max", &p.BusyBackoffMax)
	r.ordered(t, "busy_backoff_min", p.BusyBackoffMin, "busy_backoff_max", p.BusyBackoffMax)
	r.ordered(t, "doubt_check", p.DoubtCheck, "doubt_hold", p.DoubtHold)
}

// ordered checks that one duration is at most another. A fault is at the one that the file has.
func (r *reader) ordered(t *table, low string, least time.Duration, high string, most time.Duration) {
	lowPath, highPath := join(t.path, low), join(t.path, high)
	if least <= most || r.bad[lowPath] || r.bad[highPath] {
		return
	}
	if _, written := t.values[low]; written {
		r.fault(lowPath, shortDuration(least)+" is more than "+high+" ("+shortDuration(most)+")", "write at most that, or raise "+high)
		return
	}
	r.fault(highPath, shortDuration(most)+" is less than "+low+" ("+shortDuration(least)+")", "write at least that, or lower "+low)
}

func (r *reader) log(t *table, l *Log) {
	level, format := "info", string(l.Format)
	t.text("level", &level, oneOf("debug", "info", "warn", "error"))
	_ = l.Level.UnmarshalText([]byte(level)) // it knows each of them
	t.text("format", &format, oneOf(string(LogText), string(LogJSON)))
	l.Format = LogFormat(format)
}

// resolvePaths makes relative file names start at the folder of the configuration.
func (c *Config) resolvePaths(folder string) {
	paths := []*string{&c.API.TokenFile, &c.API.CAFile, &c.MQTT.PasswordFile, &c.MQTT.CAFile, &c.MQTT.CertFile,
		&c.MQTT.KeyFile, &c.Outbox.Path, &c.HTTP.WebConfigFile}
	if e := c.MQTT.Embedded; e != nil {
		paths = append(paths, &e.CertFile, &e.KeyFile, &e.UsersFile)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = filepath.Join(folder, *path)
		}
	}
}
