package lookups

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"tillpost/agent/blob"
	"tillpost/api"
	"tillpost/outbox"
)

// What it takes to establish that an optional operation (11 to 13) is not ours to use: rounds that brought nothing but
// a refusal, spread over some minutes, from an API that never answered it on this account with this token. Anything less
// is a proxy's page or a bad moment's.
const (
	refusedRounds  = 3
	refusedSpread  = 2 * time.Minute
	refusedPace    = 20 * time.Second // between two rounds that count
	refusedForLong = 24 * time.Hour   // a 403 of what has answered before
)

// AskAgainEvery is how often an operation that is not ours is asked for again.
const AskAgainEvery = 10 * time.Minute

// rightsBlob is the name under which it is kept which look-ups have answered.
const rightsBlob = "lookups"

// Lookup is a way of looking into the API that may be ours to use or not.
type Lookup uint8

// The look-ups. OwnOrders is no call of its own: it says whether List is of use.
const (
	List      Lookup = iota // operation 11
	Details                 // operation 13
	History                 // the payment history in it
	OwnOrders               // whether the list shows orders like ours at all
	lookupsAll
)

var lookupNames = [lookupsAll]string{"list", "details", "payment history in details", "our orders in the list"}

// Permission is what a reply says about the right to use a look-up.
type Permission uint8

// What a reply says.
const (
	permissionUnsaid  Permission = iota // nothing
	Granted                             // the API let us use it
	Denied                              // 403 in the API's own words, or what is asked for is not there
	permissionMissing                   // 404 of somebody else
	permissionPage                      // somebody stands between
)

// permissionOf returns what a reply to an operation means for the right to use it.
func permissionOf(r api.Reply) Permission {
	switch {
	case r.Outcome == api.OutcomeAccepted, r.Outcome == api.OutcomeNotFound:
		return Granted
	case Forbids(r):
		return Denied
	case Missing(r):
		return permissionMissing
	case r.Outcome == api.OutcomeAmbiguous && r.HTTPStatus != 0 && !r.FromAPI:
		return permissionPage
	}
	return permissionUnsaid
}

// Forbids reports whether the API itself refused an operation.
func Forbids(r api.Reply) bool {
	return r.Outcome == api.OutcomeRefused && r.HTTPStatus == 403
}

// Missing reports whether an operation was not there: not confirmed for terminal orders, it may be anybody's 404.
func Missing(r api.Reply) bool { return errors.Is(r.Err, api.ErrNoOperation) }

// right is what is known of one look-up.
type right struct {
	// Answered: it has answered on this account with this token.
	Answered bool `json:"answered,omitempty"`
	// NotOurs: it is established that it is not ours to use.
	NotOurs bool `json:"notOurs,omitempty"`
	// Since is since when the API refuses what has answered before.
	Since time.Time `json:"since,omitzero"`

	rounds      int
	first, last time.Time
}

// saw takes what one round brought, and reports whether what is kept has changed.
func (r *right) saw(what Permission, now time.Time) bool {
	was := *r
	switch what {
	case permissionUnsaid:
	case Granted:
		*r = right{Answered: true}
	case permissionPage:
		r.rounds, r.first, r.last = 0, time.Time{}, time.Time{}
	case Denied, permissionMissing:
		if r.Answered {
			r.refusedAgain(what, now)
		} else {
			r.refused(now)
		}
	}
	return r.Answered != was.Answered || r.NotOurs != was.NotOurs || !r.Since.Equal(was.Since)
}

func (r *right) refused(now time.Time) {
	switch {
	case r.NotOurs, r.rounds > 0 && now.Sub(r.last) < refusedPace:
		return
	case r.rounds == 0:
		r.first = now
	}
	r.rounds++
	r.last = now
	r.NotOurs = r.rounds >= refusedRounds && now.Sub(r.first) >= refusedSpread
}

// refusedAgain takes a refusal of what has answered before: only the API's own, and only if it stands for long.
func (r *right) refusedAgain(what Permission, now time.Time) {
	switch {
	case what != Denied:
	case r.Since.IsZero():
		r.Since = now
	default:
		r.NotOurs = now.Sub(r.Since) >= refusedForLong
	}
}

// Rights follows which of the look-ups are ours. It may be used by several goroutines at once.
type Rights struct {
	store outbox.Store
	token func() string // identifies the token that calls are made with
	log   *slog.Logger

	mu   sync.Mutex
	kept keptRights
}

type keptRights struct {
	Token string            `json:"token"`
	By    [lookupsAll]right `json:"by"`
}

// NewRights begins with what a former process found out.
func NewRights(store outbox.Store, token func() string, log *slog.Logger) *Rights {
	kept, err := blob.Read[keptRights](store, rightsBlob)
	if err != nil {
		log.Warn("started without what is known of the API's look-ups; it is found out again", "err", err)
	}
	return &Rights{store: store, token: token, log: log, kept: kept}
}

// Saw is called with the reply to each use of a look-up.
func (r *Rights) Saw(ctx context.Context, l Lookup, reply api.Reply) {
	r.Note(ctx, l, permissionOf(reply))
}

// SawDetails is Saw for the details, and for the payment history in them.
func (r *Rights) SawDetails(ctx context.Context, details api.OrderDetails, reply api.Reply) {
	r.Saw(ctx, Details, reply)
	if reply.Outcome != api.OutcomeAccepted {
		return
	}
	what := Denied
	if details.Payment.Known {
		what = Granted
	}
	r.Note(ctx, History, what)
}

// Note notes what one use of a look-up brought, and keeps it on disk.
func (r *Rights) Note(ctx context.Context, l Lookup, what Permission) {
	r.mu.Lock()
	if token := r.token(); token != r.kept.Token && token != "" {
		r.kept = keptRights{Token: token} // another token may have other rights
	}
	was := r.kept.By[l].NotOurs
	changed := r.kept.By[l].saw(what, time.Now())
	is := r.kept.By[l].NotOurs
	all := r.kept
	r.mu.Unlock()
	switch {
	case is && !was:
		r.log.Warn("the API does not give us a look-up; what it would show is taken as policy.busy_means says, and it is asked for again", "lookup", lookupNames[l])
	case was && !is:
		r.log.Info("the API gives us a look-up that it did not", "lookup", lookupNames[l])
	}
	if !changed {
		return
	}
	if err := blob.Write(ctx, r.store, rightsBlob, all); err != nil && ctx.Err() == nil {
		r.log.Warn("what is known of the API's look-ups could not be kept on disk; it is found out again after a restart", "err", err)
	}
}

// NotOurs reports whether it is established that a look-up is not ours to use.
func (r *Rights) NotOurs(l Lookup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept.By[l].NotOurs
}

// Searchable reports whether orders can be searched for; true while nothing else is established.
func (r *Rights) Searchable() bool {
	return !r.NotOurs(List) && !r.NotOurs(OwnOrders) && !r.NotOurs(Details)
}

// Unknown reports whether it is not established yet whether a look-up is ours.
func (r *Rights) Unknown(l Lookup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.kept.By[l].NotOurs && !r.kept.By[l].Answered
}
