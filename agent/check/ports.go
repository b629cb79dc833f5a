package check

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"

	"tillpost/internal/hostport"
)

// ports checks that the addresses to listen on are free, or held by the running agent.
func (c *checker) ports(ctx context.Context, locked bool, d daemonFacts) []Finding {
	fs := about("ports")
	if file := c.cfg.HTTP.WebConfigFile; file == "" && hostport.BeyondLoopback(c.cfg.HTTP.Listen) {
		fs.warn("set http.web_config_file, or listen on 127.0.0.1", "http.listen %s: everybody who reaches it can read there", c.cfg.HTTP.Listen)
	}
	c.port(ctx, fs, "http.listen", c.cfg.HTTP.Listen, locked || d.ours)
	if cb := c.cfg.Callback; cb != nil {
		c.port(ctx, fs, "callback.listen", cb.Listen, locked || d.ours)
		if strings.HasSuffix(cb.PublicURL, "/callback") {
			fs.warn("take it off, unless what forwards the calls takes it off too", "callback.public_url ends in /callback, which is added to it: the API calls %s/callback/…", cb.PublicURL)
		}
	}
	if e := c.cfg.MQTT.Embedded; e != nil {
		c.port(ctx, fs, "mqtt.embedded.listen", e.Listen, locked || d.ours)
		if e.WebSocketListen != "" {
			c.port(ctx, fs, "mqtt.embedded.websocket_listen", e.WebSocketListen, locked || d.ours)
		}
	}
	return fs.done()
}

// port tries to listen, for a moment.
func (c *checker) port(ctx context.Context, fs *findings, key, address string, running bool) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err == nil {
		_ = l.Close()
	}
	_, port, _ := net.SplitHostPort(address)
	switch {
	case err == nil && running && port != "0":
		fs.warn("restart it, if the configuration was changed", "%s %s is free, though an agent runs here", key, address)
	case err == nil:
		fs.ok("%s %s is free", key, address)
	case inUse(err) && running:
		fs.ok("%s %s is held by the running agent", key, address)
	case inUse(err):
		fs.fail("see who has it: ss -ltnp 'sport = :"+port+"'; or choose another port", "%s %s is in use by another program", key, address)
	case errors.Is(err, syscall.EACCES):
		fs.fail("choose a port from 1024 on", "%s %s: this user may not listen there", key, address)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		fs.fail("write an address of this machine", "%s %s: this machine does not have that address", key, address)
	default:
		fs.fail("choose another address", "%s %s: %v", key, address, err)
	}
}

// inUse reports whether listening failed because the address is in use. Windows has an error of its own for that.
func inUse(err error) bool {
	return errors.Is(err, syscall.EADDRINUSE) || strings.Contains(err.Error(), "Only one usage of each socket address")
}
