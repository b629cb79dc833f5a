package config

import (
	"net"
	"slices"
	"strings"
	"time"

	"tillpost/internal/hostport"
)

func (r *reader) mqtt(t *table, m *MQTT) {
	if t.text("url", &m.URL, isBrokerURL) {
		m.URL = canonicalBroker(m.URL)
	}
	t.text("topic_prefix", &m.TopicPrefix, isTopicPrefix)
	if !t.text("client_id", &m.ClientID, isClientID) {
		// Mosquitto refuses ids with slashes where its ACL has patterns.
		m.ClientID = strings.ReplaceAll(m.TopicPrefix, "/", "-")
	}
	t.durationFrom(time.Second, "status_retention", &m.StatusRetention)
	t.text("username", &m.Username, notEmpty)
	t.text("password_file", &m.PasswordFile, notEmpty)
	t.text("ca_file", &m.CAFile, notEmpty)
	t.text("cert_file", &m.CertFile, notEmpty)
	t.text("key_file", &m.KeyFile, notEmpty)
	within := t.table("embedded")
	embedded := r.embedded(within)

	if _, external := t.values["url"]; !external {
		// They show that the address of an external broker was forgotten.
		t.idle("has no effect without mqtt.url", "add mqtt.url, or take the key out", "username", "password_file", "ca_file", "cert_file", "key_file")
		m.Embedded = embedded
		return
	}
	if within.present {
		r.fault(within.path, "excludes mqtt.url", "keep one of the two: your broker's mqtt.url, or the broker inside tillpost")
	}
	if m.Username == "" && m.PasswordFile != "" && !r.bad["mqtt.username"] {
		r.fault("mqtt.password_file", "is set without mqtt.username", "MQTT has no password without a user name: write both")
	}
	t.pair("cert_file", "key_file")
	if strings.HasPrefix(m.URL, "tcp:") {
		t.idle("has no effect on an unencrypted connection", "write mqtt.url with tls://, or take the key out", "ca_file", "cert_file", "key_file")
	}
}

func (r *reader) embedded(t *table) *Embedded {
	e := &Embedded{Listen: "127.0.0.1:1883"}
	t.text("listen", &e.Listen, isListen)
	t.text("cert_file", &e.CertFile, notEmpty)
	t.text("key_file", &e.KeyFile, notEmpty)
	t.text("users_file", &e.UsersFile, notEmpty)
	t.pair("cert_file", "key_file")
	t.text("websocket_listen", &e.WebSocketListen, isListen)
	t.origins(e)
	for key, listen := range map[string]string{"listen": e.Listen, "websocket_listen": e.WebSocketListen} {
		if listen != "" && hostport.BeyondLoopback(listen) && e.UsersFile == "" && !r.bad["mqtt.embedded.users_file"] {
			r.fault("mqtt.embedded."+key, "lets every machine that reaches it order and refund", "add users_file, or listen on 127.0.0.1")
		}
	}
	return e
}

// origins reads which pages may connect over WebSockets.
func (t *table) origins(e *Embedded) {
	const key, want = "websocket_origins", `a list of origins, such as ["https://till.shop.example"]`
	for _, origin := range t.texts(key, key, want, isOrigin) {
		if origin = canonicalOrigin(origin); !slices.Contains(e.WebSocketOrigins, origin) {
			e.WebSocketOrigins = append(e.WebSocketOrigins, origin)
		}
	}
	if _, listens := t.values["websocket_listen"]; !listens {
		t.idle("has no effect without websocket_listen", "add websocket_listen, or take the key out", key)
	}
}

// hosts reads the further names of the HTTP side.
func (t *table) hosts(c *Config) {
	for _, name := range t.texts("hosts", "http.hosts", `a list of names, such as ["till-7.shop.example"]`, isHost) {
		if name = strings.ToLower(name); !slices.Contains(c.HTTP.Hosts, name) {
			c.HTTP.Hosts = append(c.HTTP.Hosts, name)
		}
	}
}

// pair checks that of two keys the file has both or none.
func (t *table) pair(a, b string) {
	_, hasA := t.values[a]
	_, hasB := t.values[b]
	if hasA == hasB {
		return
	}
	if hasB {
		a, b = b, a
	}
	t.r.fault(join(t.path, a), "is set without "+b, "write both")
}

// callback reads the table whose presence turns callbacks on.
func (r *reader) callback(t *table, c *Config) {
	cb := &Callback{Listen: "127.0.0.1:9721"}
	t.text("listen", &cb.Listen, isListen)
	if t.text("public_url", &cb.PublicURL, isWebURL) {
		cb.PublicURL = canonicalURL(cb.PublicURL)
	} else if t.present {
		t.missing("public_url", "write the https address at which the API reaches callback.listen, or take [callback] out")
	}
	if t.present {
		c.Callback = cb
	}
}

// listeners checks that no two of them want the same port.
func (r *reader) listeners(c *Config) {
	type listener struct{ path, address string }
	all := []listener{{"http.listen", c.HTTP.Listen}}
	if c.Callback != nil {
		all = append(all, listener{"callback.listen", c.Callback.Listen})
	}
	if c.MQTT.Embedded != nil {
		all = append(all, listener{"mqtt.embedded.listen", c.MQTT.Embedded.Listen},
			listener{"mqtt.embedded.websocket_listen", c.MQTT.Embedded.WebSocketListen})
	}
	for i, a := range all {
		for _, b := range all[i+1:] {
			if !r.bad[a.path] && !r.bad[b.path] && samePort(a.address, b.address) {
				r.clash(a.path, b.path)
			}
		}
	}
}

// clash reports two listeners on one port, at the one that the file sets.
func (r *reader) clash(a, b string) {
	if _, written := r.positions.at[b]; !written {
		a, b = b, a
	}
	r.fault(b, "is the port of "+a+" too", "give each its own port")
}

// NearURL returns the address at which this machine reaches the broker, external or embedded.
func (m MQTT) NearURL() string {
	if m.Embedded == nil {
		return m.URL
	}
	address, _ := hostport.Near(m.Embedded.Listen) // the configuration was checked
	if m.Embedded.CertFile != "" {
		return "tls://" + address
	}
	return "tcp://" + address
}

// samePort reports whether two addresses can't both be listened on; "" is none.
func samePort(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	return hostA == hostB || hostport.Unspecified(hostA) || hostport.Unspecified(hostB)
}
