package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

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

// askAgainEvery is how often an operation that is not ours is asked for again.
const askAgainEvery = 10 * time.Minute

// rightsBlob is where it is kept what has answered.
const rightsBlob = "lookups"

// lookup names what may be ours to use or not.
type lookup uint8

const (
	lookupList    lookup = iota // operation 11
	lookupDetails               // operation 13
	lookupHistory               // the payment history in it
	lookupShown                 // whether the list shows orders like ours at all
	lookupsAll
)

var lookupNames = [lookupsAll]string{"list", "details", "payment history in details", "our orders in the list"}

// answerKind is what a reply says about the right to use an operation.
type answerKind uint8

const (
	answerNone    answerKind = iota // nothing
	answerGiven                     // it is ours
	answerDenied                    // 403 in the API's own words, or what is asked for is not there
	answerMissing                   // 404 of somebody else
	answerPage                      // somebody stands between
)

// kindOfAnswer says what a reply to an operation means for the right to use it.
func kindOfAnswer(r api.Reply) answerKind {
	switch {
	case r.Outcome == api.OutcomeAccepted, r.Outcome == api.OutcomeNotFound:
		return answerGiven
	case forbids(r):
		return answerDenied
	case missing(r):
		return answerMissing
	case r.Outcome == api.OutcomeAmbiguous && r.HTTPStatus != 0 && !r.Own:
		return answerPage
	}
	return answerNone
}

// forbids reports whether the API itself refused an operation.
func forbids(r api.Reply) bool {
	return r.Outcome == api.OutcomeRefused && r.HTTPStatus == 403
}

// missing reports whether an operation was not there: not confirmed for terminal orders, it may be anybody's 404.
func missing(r api.Reply) bool { return errors.Is(r.Err, api.ErrNoOperation) }

// right is what is known of one of them.
type right struct {
	// Answered: it has answered on this account with this token.
	Answered bool `json:"answered,omitempty"`
	// NotOurs: it is established that it does not.
	NotOurs bool `json:"notOurs,omitempty"`
	// Since is since when the API refuses what has answered before.
	Since time.Time `json:"since,omitzero"`

	rounds      int
	first, last time.Time
}

func (r *right) forget() { r.rounds, r.first, r.last = 0, time.Time{}, time.Time{} }

// saw takes what one round brought; true if what is kept has changed.
func (r *right) saw(kind answerKind, now time.Time) bool {
	was := *r
	switch kind {
	case answerNone:
	case answerGiven:
		*r = right{Answered: true}
	case answerPage:
		r.forget()
	case answerDenied, answerMissing:
		if r.Answered {
			r.refusedAgain(kind, now)
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
func (r *right) refusedAgain(kind answerKind, now time.Time) {
	switch {
	case kind != answerDenied:
	case r.Since.IsZero():
		r.Since = now
	default:
		r.NotOurs = now.Sub(r.Since) >= refusedForLong
	}
}

// rights follows which of the optional operations are ours. It may be used by several goroutines at once.
type rights struct {
	store outbox.Store
	token func() string // names the token that calls are made with
	log   *slog.Logger

	mu   sync.Mutex
	kept keptRights
}

type keptRights struct {
	Token string            `json:"token"`
	By    [lookupsAll]right `json:"by"`
}

func newRights(store outbox.Store, token func() string, log *slog.Logger) *rights {
	kept, err := recalled[keptRights](store, rightsBlob)
	if err != nil {
		log.Warn("started without what is known of the API's look-ups; it is found out again", "err", err)
	}
	return &rights{store: store, token: token, log: log, kept: kept}
}

// saw takes the reply to one use.
func (r *rights) saw(ctx context.Context, l lookup, reply api.Reply) {
	r.note(ctx, l, kindOfAnswer(reply))
}

// sawDetails takes the reply to a use of the details, and what it says of the payment history in them.
func (r *rights) sawDetails(ctx context.Context, details api.OrderDetails, reply api.Reply) {
	r.saw(ctx, lookupDetails, reply)
	if reply.Outcome != api.OutcomeAccepted {
		return
	}
	kind := answerDenied
	if details.Payment.Known {
		kind = answerGiven
	}
	r.note(ctx, lookupHistory, kind)
}

// note takes what one use brought.
func (r *rights) note(ctx context.Context, l lookup, kind answerKind) {
	r.mu.Lock()
	if token := r.token(); token != r.kept.Token && token != "" {
		r.kept = keptRights{Token: token} // another token may have other rights
	}
	was := r.kept.By[l].NotOurs
	changed := r.kept.By[l].saw(kind, time.Now())
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
	if err := keep(ctx, r.store, rightsBlob, all); err != nil && ctx.Err() == nil {
		r.log.Warn("what is known of the API's look-ups could not be kept on disk; it is found out again after a restart", "err", err)
	}
}

// notOurs reports whether it is established that one of them is not ours.
func (r *rights) notOurs(l lookup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept.By[l].NotOurs
}

// searchable reports whether a search for orders is ours, as far as is known.
func (r *rights) searchable() bool {
	return !r.notOurs(lookupList) && !r.notOurs(lookupShown) && !r.notOurs(lookupDetails)
}

// unknown reports whether it is not established yet whether one of them is ours.
func (r *rights) unknown(l lookup) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.kept.By[l].NotOurs && !r.kept.By[l].Answered
}
