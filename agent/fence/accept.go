package fence

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tillpost/agent/blob"
	"tillpost/agent/config"
	"tillpost/agent/health"
	"tillpost/outbox"
)

// acceptedBlob is the name under which the journal of what was accepted is kept.
const acceptedBlob = "accepted"

// acceptedMost bounds that journal; the oldest go.
const acceptedMost = 50

// Acceptance is one thing that keeps an outbox from sending until a person accepts it, or was accepted.
type Acceptance struct {
	Code health.ProblemCode `json:"code"`
	// Message says what was found, Means what accepting it means.
	Message string `json:"message"`
	Means   string `json:"-"`
	// Since is when it was found, zero if that is not known.
	Since time.Time `json:"since,omitzero"`
	// At and By are when and by whom it was accepted; zero while it is not.
	At time.Time `json:"at,omitzero"`
	By string    `json:"by,omitempty"`
}

// Readable is what ToAccept needs of an outbox: a Store or a bolt.Reader has it.
type Readable interface {
	Identity() outbox.Identity
	Account() (outbox.Account, bool)
	GetBlob(name string) ([]byte, error)
}

// Acceptable is what Accept needs of an outbox: a bolt.Store has it.
type Acceptable interface {
	Readable
	PutBlob(ctx context.Context, name string, data []byte) error
	Distrust(ctx context.Context, generation uint64) (inDoubt int, err error)
	RebindAccount(ctx context.Context, a outbox.Account) error
	AcceptRollback(ctx context.Context) error
}

var meanings = map[health.ProblemCode]string{
	health.ProblemRestored:     "that you know: what was accepted after the snapshot is not in this outbox, and may have been paid",
	health.ProblemRolledBack:   "that this copy counts from now on, and no other one runs; what is in doubt in it stays in doubt until it is found out or settled, and what is queued is sent, even if another copy has done that already",
	health.ProblemAnotherAgent: "that the other agent is stopped for good, or has a client id and a topic prefix of its own now",
	health.ProblemWrongAccount: "that this outbox belongs to the account that the configuration and the token name from now on, and that all it still holds goes there",
}

// ToAccept returns what keeps an outbox from sending, without At and By. The account is compared with cfg, unless that is nil.
func ToAccept(store Readable, cfg *config.Config) ([]Acceptance, error) {
	found, err := readHolds(store)
	if err != nil {
		return nil, err
	}
	if store.Identity().RolledBack && !slices.ContainsFunc(found, func(n hold) bool { return n.Code == health.ProblemRolledBack }) {
		found = append(found, hold{Code: health.ProblemRolledBack, Message: olderCopy})
	}
	if bound, ok := store.Account(); ok && cfg != nil && otherAccount(bound, AccountOf(cfg)) {
		found = append(found, hold{Code: health.ProblemWrongAccount, Message: foreignAccount(bound, AccountOf(cfg))})
	}
	var list []Acceptance
	for _, n := range found {
		list = append(list, Acceptance{Code: n.Code, Message: strings.TrimSuffix(n.Message, acceptHint), Means: meanings[n.Code], Since: n.At})
	}
	return list, nil
}

// otherAccount reports whether an outbox bound to one account is not for mine; one without organisation takes any of its API.
func otherAccount(bound, mine outbox.Account) bool {
	return bound.BaseURL != mine.BaseURL || bound.Organization != "" && bound.Organization != mine.Organization
}

// Accept takes away what ToAccept has returned, and writes to the journal who decided that and when. No daemon may have the
// outbox open. cfg is the one that ToAccept was given; for another account it must not be nil.
func Accept(ctx context.Context, store Acceptable, cfg *config.Config, list []Acceptance, by string, now time.Time) error {
	journal, err := Accepted(store)
	if err != nil {
		return err
	}
	for _, a := range list {
		a.By, a.At = by, now.UTC()
		journal = append(journal, a)
		if id := store.Identity(); a.Code == health.ProblemRolledBack && !id.RolledBack {
			// The daemon that found it ended before the disk took that what is open is in doubt.
			if _, err := store.Distrust(ctx, id.Generation); err != nil {
				return err
			}
		}
		if a.Code == health.ProblemWrongAccount {
			if err := rebind(ctx, store, cfg); err != nil {
				return err
			}
		}
	}
	kept := journal[max(0, len(journal)-acceptedMost):]
	if err := blob.Write(ctx, store, acceptedBlob, kept); err != nil { // first: what is accepted is never without a name
		return err
	}
	if err := store.AcceptRollback(ctx); err != nil {
		return err
	}
	return store.PutBlob(ctx, holdsBlob, nil)
}

// rebind gives the outbox to the configured account; the next list of terminals says whose those are.
func rebind(ctx context.Context, store Acceptable, cfg *config.Config) error {
	if cfg == nil {
		return errors.New("the configuration is needed to know the account that is accepted; name it with --config")
	}
	if err := store.RebindAccount(ctx, AccountOf(cfg)); err != nil {
		return err
	}
	return store.PutBlob(ctx, ownersBlob, nil)
}

// Accepted returns the journal of what was accepted, oldest first, at most 50 entries.
func Accepted(store Readable) (list []Acceptance, err error) {
	if list, err = blob.Read[[]Acceptance](store, acceptedBlob); err != nil {
		return nil, fmt.Errorf("the journal of what was accepted can't be read: %w", err)
	}
	return list, nil
}

// priorCopyFor is how long after an operator accepted an older copy of the outbox a new request may be one that the newer copy
// has seen.
const priorCopyFor = 24 * time.Hour

// priorCopyUntil returns until when that is, by the journal; zero for never.
func priorCopyUntil(journal []Acceptance) (until time.Time) {
	for _, a := range journal {
		if end := a.At.Add(priorCopyFor); a.Code == health.ProblemRolledBack && end.After(until) {
			until = end
		}
	}
	return until
}
