package broker

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/crypto/bcrypt"

	"tillpost/mqtt"
)

// maxHashCost bounds the time of a login: at 14 it is a second on a PC and several on a small board.
const maxHashCost = 14

// maxPassword is how many bytes of a password bcrypt uses.
const maxPassword = 72

// usersFile is the form of a users file.
type usersFile struct {
	Roles map[string]roleEntry `toml:"roles"`
	Users map[string]userEntry `toml:"users"`
}

type roleEntry struct {
	Publish []string `toml:"publish"`
	Read    string   `toml:"read"`
}

type userEntry struct {
	Password  string   `toml:"password"`
	Role      string   `toml:"role"`
	Terminals []string `toml:"terminals"`
}

// Users are the accounts of a users file.
type Users struct {
	accounts map[string]*account
	// dummyHash costs as much as the most expensive hash; it is compared for users that do not exist.
	dummyHash []byte
	// turn lets one hash be computed at a time: logins must not starve the rest of the agent.
	turn chan struct{}

	mu  sync.Mutex
	key []byte
	// verified holds, by user, a keyed digest of the password that was right last,
	// so that tills that connect again together need no hash each.
	verified map[string][]byte
}

// ParseUsers reads a users file, in TOML: what roles there are, and who has
// which at which terminals. Errors hold no password and no hash.
//
//	[roles.till]
//	publish = ["orders", "cancels"]      # kinds, as in the topics; none: only reads
//	read = "all"                         # "all", the default, or "displays"
//
//	[users.till-1]
//	password = "$2y$10$…"                # bcrypt
//	role = "till"
//	terminals = ["TRML1216693970"]       # ["*"] is every terminal
//
// A user reads the statuses and the display of its terminals, the agent's state, the list of terminals and the rejects;
// with read = "displays" only the display and the agent's state, and then it publishes nothing.
func ParseUsers(topics mqtt.Topics, text string) (*Users, error) {
	var file usersFile
	decoder := toml.NewDecoder(strings.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, positioned(err)
	}
	if len(file.Users) == 0 {
		return nil, errors.New("it names no users; without the file everybody may log in")
	}
	u := &Users{accounts: map[string]*account{}, turn: make(chan struct{}, 1), key: make([]byte, 32), verified: map[string][]byte{}}
	_, _ = rand.Read(u.key) // never fails
	cost := bcrypt.MinCost
	for _, name := range slices.Sorted(maps.Keys(file.Roles)) {
		if err := file.Roles[name].check(); err != nil {
			return nil, fmt.Errorf("role %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(file.Users)) {
		a, err := file.account(topics, name)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		u.accounts[name] = a
		if c, err := bcrypt.Cost(a.hash); err == nil {
			cost = max(cost, c)
		}
	}
	nobody, err := bcrypt.GenerateFromPassword([]byte(rand.Text()), cost)
	if err != nil {
		return nil, fmt.Errorf("make a hash: %w", err)
	}
	u.dummyHash = nobody
	return u, nil
}

// positioned returns an error with the line and column of err, and without the
// library's longer texts, which quote the file.
func positioned(err error) error {
	var unknown *toml.StrictMissingError
	if errors.As(err, &unknown) && len(unknown.Errors) > 0 {
		row, column := unknown.Errors[0].Position()
		return fmt.Errorf("line %d, column %d: there is no key %s", row, column, strings.Join(unknown.Errors[0].Key(), "."))
	}
	var wrong *toml.DecodeError
	if errors.As(err, &wrong) {
		row, column := wrong.Position()
		return fmt.Errorf("line %d, column %d: this is not the form of a users file", row, column)
	}
	return errors.New("it is not the form of a users file")
}

func (r roleEntry) check() error {
	for _, segment := range r.Publish {
		if _, ok := mqtt.KindOf(segment); !ok {
			return fmt.Errorf("publish: there is no kind %q; there are %s", segment, mqtt.Segments())
		}
	}
	switch r.Read {
	case "", "all":
	case "displays":
		if len(r.Publish) > 0 {
			return errors.New(`who reads "displays" publishes nothing; take publish out`)
		}
	default:
		return errors.New(`read: it is "all" or "displays"`)
	}
	return nil
}

func (f *usersFile) account(topics mqtt.Topics, name string) (*account, error) {
	entry := f.Users[name]
	role, ok := f.Roles[entry.Role]
	cost, err := bcrypt.Cost([]byte(entry.Password))
	switch {
	case !ok:
		return nil, fmt.Errorf("role: there is no role %q in the file", entry.Role)
	case err != nil || len(entry.Password) != 60:
		return nil, errors.New("password: it is no bcrypt hash; make one with: htpasswd -nBC 10 NAME")
	case cost > maxHashCost:
		return nil, fmt.Errorf("password: its cost is %d, at most %d is taken; every login would take seconds", cost, maxHashCost)
	case len(entry.Terminals) == 0:
		return nil, errors.New(`terminals: name the terminals' uuids, or ["*"] for every terminal`)
	}
	a := &account{name: name, hash: []byte(entry.Password)}
	for _, segment := range role.Publish {
		kind, _ := mqtt.KindOf(segment)
		a.kinds = append(a.kinds, kind)
	}
	for _, terminal := range entry.Terminals {
		switch {
		case terminal == "*":
			if len(entry.Terminals) > 1 {
				return nil, errors.New(`terminals: "*" is every terminal and stands alone`)
			}
			terminal = "+"
		case !mqtt.ValidID(terminal):
			return nil, fmt.Errorf("terminals: %q is no terminal's uuid", terminal)
		default:
			a.terminals = append(a.terminals, terminal)
		}
		a.reads = append(a.reads, topics.Display(terminal))
		if role.Read != "displays" {
			a.reads = append(a.reads, topics.Status(terminal, "+"))
		}
	}
	a.reads = append(a.reads, topics.Agent())
	if role.Read != "displays" {
		a.reads = append(a.reads, topics.Terminals(), topics.Rejects())
	}
	return a, nil
}

// login returns the user's account, or nil if there is no such user with this password.
func (u *Users) login(name string, password []byte) *account {
	a := u.accounts[name]
	if a != nil && u.hasVerified(a, password) {
		return a
	}
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-time.After(connectTimeout):
		return nil
	}
	hash := u.dummyHash
	if a != nil {
		hash = a.hash
	}
	right := len(password) <= maxPassword && bcrypt.CompareHashAndPassword(hash, password) == nil
	if a == nil || !right {
		return nil
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.verified[name] = u.digest(a, password)
	return a
}

func (u *Users) hasVerified(a *account, password []byte) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	digest, ok := u.verified[a.name]
	return ok && hmac.Equal(digest, u.digest(a, password))
}

func (u *Users) digest(a *account, password []byte) []byte {
	h := hmac.New(sha256.New, u.key)
	h.Write(a.hash)
	h.Write(password)
	return h.Sum(nil)
}

// login sets the account of a client, and reports whether it may connect. Nobody
// may end another user's connection by taking its client id.
func (b *Broker) login(p *peer, id, name string, password []byte) bool {
	for users := b.files.users.Load(); users != nil; {
		a := users.login(name, password)
		if a == nil {
			b.logLimit.Do(func() {
				b.log.Warn("a client was refused: wrong user or password", "user", users.accounts[name].userName(), "remote", p.RemoteAddr().String())
			})
			return false
		}
		p.account.Store(a)
		// The file may have changed meanwhile, and usersChanged may have looked at
		// this client before it had an account.
		now := b.files.users.Load()
		if now == users {
			break
		}
		users = now
	}
	a := p.account.Load()
	if other := b.peer(id); a != nil && other != nil && other.account.Load().userName() != a.name {
		b.logLimit.Do(func() {
			b.log.Warn("a client was refused: another user is connected under its client id", "user", a.name, "remote", p.RemoteAddr().String())
		})
		return false
	}
	return true
}

// usersChanged applies a new users file to connected clients: those that it no
// longer has, or has with another password, are disconnected.
func (b *Broker) usersChanged() {
	users := b.files.users.Load()
	for _, p := range b.allPeers() {
		a := p.account.Load()
		if a == nil {
			continue // it has not logged in yet, and will by the new file
		}
		if now := users.accounts[a.name]; now != nil && bytes.Equal(now.hash, a.hash) {
			p.account.Store(now)
		} else {
			b.disconnect(p, packets.ErrNotAuthorized)
		}
	}
}

// account is what one user of the embedded broker may do. It is not changed once it is made.
type account struct {
	name string
	hash []byte
	// terminals is nil for every terminal.
	terminals []string
	kinds     []mqtt.Kind
	// reads are the topic filters that the user may read.
	reads []string
}

// userName returns a name that is safe to log: that of a configured user, else "".
func (a *account) userName() string {
	if a == nil {
		return ""
	}
	return a.name
}

// mayRead reports whether the user may read a topic; a is nil where everybody may do everything.
func (a *account) mayRead(topic string) bool {
	return a == nil || slices.ContainsFunc(a.reads, func(filter string) bool { return filterMatches(filter, topic) })
}

// mayReadAny reports whether a filter can match anything that the user may read. It may match more: each message is
// checked again when it is sent.
func (a *account) mayReadAny(filter string) bool {
	return a == nil || slices.ContainsFunc(a.reads, func(read string) bool { return filtersMeet(read, filter) })
}

// foreign reports whether a topic is none of ours: neither the agent's nor a request's.
func (b *Broker) foreign(topic string) bool {
	prefix := b.options.Topics.Prefix
	return topic != prefix && !strings.HasPrefix(topic, prefix+"/") && !strings.HasPrefix(topic, "$") && topic != ""
}

// mayWrite reports whether a client may publish on a topic; a is nil where everybody may do everything. Below the
// prefix that is requests only: all else is the agent's. A kind that does not exist passes, so that the agent can
// report the mistake.
func (b *Broker) mayWrite(a *account, topic string) bool {
	if len(topic) > maxTopic {
		return false
	}
	terminal, segment, ok := b.options.Topics.Parse(topic)
	switch {
	case !ok:
		return a == nil && b.foreign(topic)
	case b.options.Topics.OwnTopic(topic):
		return false
	case a == nil:
		return true
	case len(a.kinds) == 0, a.terminals != nil && !slices.Contains(a.terminals, terminal):
		return false
	}
	kind, exists := mqtt.KindOf(segment)
	return !exists || slices.Contains(a.kinds, kind)
}
