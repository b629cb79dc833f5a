package soak

import (
	"maps"
	"strconv"
	"strings"
	"testing"

	"tillpost/internal/proctest"
	"tillpost/internal/shoptest"
	"tillpost/mqtt/mqtttest"
)

// tillpost is built as the tests are.
var tillpost = proctest.Binary{Race: proctest.Race}

func TestMain(m *testing.M) { tillpost.Main(m) }

// shop is one that is tormented, with what its tills know.
type shop struct {
	*shoptest.Shop
	callback string // where the agent is called back
	books    *books
}

func terminal(i int) string { return shoptest.Terminal(i) }

// newShop makes a shop whose agent does not run yet.
func newShop(t *testing.T, embedded bool, terminals int, settings shoptest.Settings) *shop {
	t.Helper()
	s := &shop{callback: proctest.FreeAddr(t), books: newBooks()}
	all := shoptest.Settings{
		"api.requests_per_minute": 6000, "api.timeout": "3s", "callback.listen": s.callback, "callback.public_url": "http://" + s.callback,
	}
	maps.Copy(all, settings)
	o := shoptest.Options{
		Program: &tillpost, Terminals: terminals, Settings: all,
		// What a shop's agents write is far too much to keep.
		Said: proctest.NewOutput(64<<10, shoptest.Private...),
	}
	if !embedded {
		broker := mqtttest.Packaged()
		broker.Config += "\nlog_type error\nlog_type warning\nlog_type notice\nlog_type information"
		o.Mosquitto = &broker
	}
	s.Shop = shoptest.New(t, o)
	t.Cleanup(func() {
		if s.Agent != nil && s.Agent.Running() {
			s.Stop()
		}
	})
	return s
}

// goroutines returns what /metrics says, 0 if it says nothing.
func (s *shop) goroutines() int {
	_, text := s.Get("/metrics")
	_, rest, _ := strings.Cut(text, "\ngo_goroutines ")
	line, _, _ := strings.Cut(rest, "\n")
	n, _ := strconv.Atoi(line)
	return n
}
