// Package config reads tillpost's configuration: one TOML file, in which every key has a default but the API's address,
// the token, and either the organisation or the list of terminals.
//
// A Config holds no secret. It names the files that do; [Config.Token] and [ReadSecretFile] read them.
package config

import (
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"time"
	_ "time/tzdata" // a bare Raspberry Pi image may lack the zone files
)

// Config is a configuration that passed every check: a caller need not check any field again. It is not changed after
// [Load], so it may be read by any number of goroutines.
//
// File names are as written in the file, but relative ones are taken from the folder of the configuration file, not
// from the working directory, which for a service is rarely what the writer had in mind.
type Config struct {
	// File is the name under which the configuration was read.
	File string
	// Terminals are the uuids to serve, without repeats; empty means that they are discovered at the API.
	Terminals []string

	Store         Store
	API           API
	MQTT          MQTT
	Outbox        Outbox
	Policy        Policy
	OrderDefaults OrderDefaults
	// Callback is nil while callbacks are off.
	Callback *Callback
	HTTP     HTTP
	Log      Log
}

// Store says where the tills are.
type Store struct {
	Name string
	// Location is the zone in which "today" is decided; never nil.
	Location *time.Location
	// Currency is an ISO 4217 code.
	Currency string
}

// API says how to reach Front Payment.
type API struct {
	// BaseURL is https, or http on a loopback host; its scheme and host are in lower case and it does not end in a
	// slash, so that two spellings of one address compare equal.
	BaseURL string
	// TokenFile may be empty; see [Config.Token].
	TokenFile string
	// OrganizationUUID may be empty if Terminals are named.
	OrganizationUUID string
	// Timeout bounds one call.
	Timeout time.Duration
	// CAFile is a PEM bundle that replaces the system's roots; empty: the system's.
	CAFile string
	// RequestsPerMinute is at least 1.
	RequestsPerMinute int
}

// MQTT says how tills reach the agent. Exactly one of URL, an external broker, and Embedded is set.
type MQTT struct {
	// URL is tcp://host:port or tls://host:port, always with a port.
	URL string
	// ClientID is fixed across restarts. By default it is made of the topic prefix, since one agent serves a prefix.
	ClientID string
	// Username is set wherever PasswordFile is.
	Username     string
	PasswordFile string
	CAFile       string
	// CertFile and KeyFile are both set or both empty.
	CertFile string
	KeyFile  string
	// TopicPrefix has no wildcard and neither begins nor ends with a slash.
	TopicPrefix string
	// StatusRetention is how long the broker retains the status of a request that has ended; a second or more.
	StatusRetention time.Duration
	// Embedded is nil where URL is set.
	Embedded *Embedded
}

// Embedded is the broker inside the agent. Its listeners are host:port.
type Embedded struct {
	Listen string
	// CertFile and KeyFile are both set or both empty.
	CertFile string
	KeyFile  string
	// UsersFile is set wherever Listen or WebSocketListen is reachable from other machines.
	UsersFile string
	// WebSocketListen is for tills in a browser, "" for none.
	WebSocketListen string
	// WebSocketOrigins are the pages that may connect there, as browsers name them; empty without WebSocketListen.
	WebSocketOrigins []string
}

// Outbox is the file of requests.
type Outbox struct {
	Path string
	// Retention is how long final requests are kept.
	Retention time.Duration
}

// BusyMeans says what a busy reply to a create proves where the API does not let the agent search for the order.
type BusyMeans string

// The two readings of a busy reply.
const (
	// BusyNotCreated means that it proves that nothing was created.
	BusyNotCreated BusyMeans = "not_created"
	// BusyDoubt means that it proves nothing: the order is in doubt.
	BusyDoubt BusyMeans = "doubt"
)

// Policy holds deadlines and choices of the state machine. Durations are positive unless their comment says otherwise.
type Policy struct {
	OrderTTL  time.Duration
	RefundTTL time.Duration
	// CustomerTimeout of 0 waits for the customer for ever.
	CustomerTimeout time.Duration
	// ResendAfter of 0 never resends by itself.
	ResendAfter time.Duration
	BusyMeans   BusyMeans
	// DoubtCheck is at most DoubtHold.
	DoubtCheck          time.Duration
	DoubtHold           time.Duration
	AllowPersonalNumber bool
	PollInterval        time.Duration
	// BusyBackoffMin is at most BusyBackoffMax.
	BusyBackoffMin time.Duration
	BusyBackoffMax time.Duration
}

// OrderDefaults are JSON objects that an order gets where it lacks the member of that name, checked by the rules of
// "Front Payment, Create Terminal Order"; nil where not set. They may hold personal data: don't log them.
type OrderDefaults struct {
	CustomerDetails json.RawMessage
	SendOrderBy     json.RawMessage
}

// Callback is the listener, host:port, for the API's notifications.
type Callback struct {
	Listen string
	// PublicURL is how the API reaches Listen: https, or http on a loopback host, without a slash at its end.
	PublicURL string
}

// HTTP is the side for technicians and displays. Listen is host:port.
type HTTP struct {
	Listen string
	// WebConfigFile is a file in the format of Prometheus' exporter-toolkit, for TLS and users; empty: neither.
	WebConfigFile string
	// Hosts are further names by which the server may be addressed, in lower case.
	Hosts []string
}

// LogFormat is how a line of the log is written.
type LogFormat string

// The formats of the log.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

// Log says what is logged, and how.
type Log struct {
	Level  slog.Level
	Format LogFormat
}

// DefaultPath returns where the configuration is unless --config says otherwise.
func DefaultPath() string { return here("/etc/tillpost/tillpost.toml") }

func defaultOutboxPath() string { return here("/var/lib/tillpost/outbox.db") }

// here returns the path of a file that is there on Linux; on Windows it is below %ProgramData%.
func here(path string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(os.Getenv("ProgramData"), "tillpost", filepath.Base(path))
	}
	return path
}

// defaults returns the configuration of an empty file; what has no default is empty.
func defaults() *Config {
	return &Config{
		Store:  Store{Currency: "NOK"},
		API:    API{Timeout: 30 * time.Second, RequestsPerMinute: 180},
		MQTT:   MQTT{TopicPrefix: "tillpost", StatusRetention: 24 * time.Hour},
		Outbox: Outbox{Path: defaultOutboxPath(), Retention: 720 * time.Hour},
		Policy: Policy{
			OrderTTL:        10 * time.Minute,
			RefundTTL:       24 * time.Hour,
			CustomerTimeout: 5 * time.Minute,
			BusyMeans:       BusyNotCreated,
			DoubtCheck:      150 * time.Second,
			DoubtHold:       10 * time.Minute,
			PollInterval:    2 * time.Second,
			BusyBackoffMin:  time.Second,
			BusyBackoffMax:  5 * time.Second,
		},
		HTTP: HTTP{Listen: "127.0.0.1:9720"},
		Log:  Log{Level: slog.LevelInfo, Format: LogText},
	}
}
