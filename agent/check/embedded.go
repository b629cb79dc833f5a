package check

import (
	"context"
	"strings"

	"tillpost/agent/config"
	"tillpost/internal/hostport"
	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// embedded checks the embedded broker; its port is checked by ports, its files by secrets.
func (c *checker) embedded(fs *findings) {
	e := c.cfg.MQTT.Embedded
	users := "whoever reaches it may order and refund"
	if e.UsersFile != "" {
		users = "for the users in " + e.UsersFile
	}
	fs.ok("inside tillpost, at %s; %s", e.Listen, users)
	far := hostport.BeyondLoopback(e.Listen)
	if e.WebSocketListen != "" {
		pages := "no page in a browser may connect there"
		if len(e.WebSocketOrigins) > 0 {
			pages = "for pages of " + strings.Join(e.WebSocketOrigins, ", ")
		}
		fs.ok("over WebSockets at %s, path /mqtt; %s", e.WebSocketListen, pages)
		far = far || hostport.BeyondLoopback(e.WebSocketListen)
		mixedContent(fs, e)
	}
	if far && e.CertFile == "" {
		fs.warn("set mqtt.embedded.cert_file and key_file", "it is not encrypted: orders and passwords can be read in the shop's network")
	}
}

// mixedContent warns of pages whose browser refuses a broker without TLS, unless it is on the same machine.
func mixedContent(fs *findings, e *config.Embedded) {
	if e.CertFile != "" || !hostport.BeyondLoopback(e.WebSocketListen) {
		return
	}
	for _, origin := range e.WebSocketOrigins {
		if strings.HasPrefix(origin, "https:") {
			fs.warn("set mqtt.embedded.cert_file and key_file, and have the page connect to wss://",
				"a page of %s may not connect to ws:// on another machine: browsers call it mixed content", origin)
			return
		}
	}
}

// embeddedAgent returns a running agent's state from its embedded broker; nil where none runs, or where the broker has
// users, whose passwords the configuration does not have.
func (c *checker) embeddedAgent(ctx context.Context) *message.AgentState {
	if c.cfg.MQTT.Embedded.UsersFile != "" {
		return nil
	}
	return readState(c.retained(ctx, mqtt.Topics{Prefix: c.cfg.MQTT.TopicPrefix}.Agent()))
}
