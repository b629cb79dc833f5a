package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"time"
)

// tokenAge is after how long a token is read again, so that a changed one is in use well within 10 seconds.
const tokenAge = 5 * time.Second

// tokens keeps the bearer token between reads of it.
type tokens struct {
	read func() (string, error)

	mu    sync.Mutex
	value string
	last  string // the digest's part of the last one that was used
	at    time.Time
}

func (t *tokens) id() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.last
}

// get returns the token to use now. Its errors never hold the token.
func (t *tokens) get() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value != "" && time.Since(t.at) < tokenAge {
		return t.value, nil
	}
	t.value = ""
	value, err := t.read()
	if err != nil {
		return "", err
	}
	if value == "" {
		return "", errors.New("the API token is empty")
	}
	if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("the API token holds a space, a line break or another character that no header can carry")
	}
	t.value, t.at = value, time.Now()
	digest := sha256.Sum256([]byte(value))
	t.last = hex.EncodeToString(digest[:6]) // enough to tell tokens apart, none of the token itself
	return value, nil
}

// refused is called when the API answered 401 to value: the token is then read again before the next call.
func (t *tokens) refused(value string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.value == value {
		t.value = ""
	}
}
