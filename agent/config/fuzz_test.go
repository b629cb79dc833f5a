package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzParse checks that Parse returns for any file either a configuration whose promises
// stand or faults that all have a place in the file.
func FuzzParse(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "faults", "*.txt"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(seeds, filepath.Join("testdata", "full.toml"), filepath.Join("..", "..", "packaging", "tillpost.toml")) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		text, _, _ := strings.Cut(string(data), "-- want --\n")
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("t.toml", data)
		if err != nil {
			checkFaults(t, data, err)
			return
		}
		p := c.Policy
		switch {
		case c.Store.Location == nil,
			c.API.BaseURL == "" || strings.HasSuffix(c.API.BaseURL, "/"),
			c.API.OrganizationUUID == "" && len(c.Terminals) == 0,
			(c.MQTT.URL == "") == (c.MQTT.Embedded == nil),
			c.MQTT.TopicPrefix == "" || strings.ContainsAny(c.MQTT.TopicPrefix, "+#"),
			c.MQTT.ClientID == "",
			c.API.RequestsPerMinute < 1 || c.API.Timeout <= 0,
			p.DoubtCheck > p.DoubtHold || p.BusyBackoffMin > p.BusyBackoffMax || p.BusyBackoffMin <= 0,
			p.OrderTTL <= 0 || p.RefundTTL <= 0 || p.PollInterval <= 0 || p.CustomerTimeout < 0 || p.ResendAfter < 0:
			t.Errorf("a promise is broken: %+v", c)
		}
	})
}

func checkFaults(t *testing.T, data []byte, err error) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok || len(e.Faults) == 0 {
		t.Fatalf("error %T: %v", err, err)
	}
	lines := strings.Split(strings.TrimPrefix(string(data), "\ufeff"), "\n")
	for _, fault := range e.Faults {
		if fault.Line < 1 || fault.Line > len(lines) || fault.Column < 1 || fault.Column > len(lines[fault.Line-1])+1 {
			t.Errorf("a fault without a place in the file: %+v", fault)
		}
		if fault.Problem == "" {
			t.Errorf("a fault that says nothing: %+v", fault)
		}
	}
}
