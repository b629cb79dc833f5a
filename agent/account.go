package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"tillpost/agent/config"
	"tillpost/api"
	"tillpost/mqtt/message"
	"tillpost/outbox"
)

// ownersBlob is where it is kept to which organisation each terminal belongs.
const ownersBlob = "owners"

// startTime is when this process started, up to a second earlier. It tells processes apart, so that two which start on
// copies of one outbox in the same moment do not say the same.
func startTime(now outbox.Instant) time.Time {
	return now.Time().Add(-rand.N(time.Second)).Truncate(time.Millisecond)
}

// checkTrust finds out whether this outbox may be acted on: whether it is the one that was in use here, and whose it is.
func (a *Agent) checkTrust() {
	if err := a.guard.load(); err != nil {
		a.log.Warn("started without the kept notices", "err", err)
	}
	id := a.store.Identity()
	a.lookout.witness.mine = heard{Instance: id.Instance, Generation: id.Generation, Since: message.At(a.since).String()}
	a.lookout.quiet = true
	stats := a.store.Stats()
	a.lookout.atOpen = message.SettledThrough{Accepted: stats.Accepted, Commits: stats.Written}
	a.tellRecovery()
	accepted, err := Accepted(a.store)
	if err != nil {
		a.log.Warn("started without the journal of what was accepted", "err", err)
	}
	a.intake.forgotten.accepted(accepted)
	a.intake.forgotten.older = func() bool { return a.gate.isShut(gateRolledBack) }
	mine := accountOf(a.cfg)
	err = a.store.BindAccount(context.Background(), mine)
	if errors.Is(err, outbox.ErrWrongAccount) {
		a.guard.elsewhere = true
		bound, _ := a.store.Account()
		a.guard.stand(notice{Code: ProblemWrongAccount, Message: foreignAccount(bound, mine) + acceptHint, At: a.since})
		return
	}
	if err != nil {
		a.log.Error("the outbox could not be bound to the API account", "err", err)
	}
}

func accountOf(cfg *config.Config) outbox.Account {
	return outbox.Account{BaseURL: cfg.API.BaseURL, Organization: cfg.API.OrganizationUUID}
}

func foreignAccount(bound, mine outbox.Account) string {
	if mine.Organization == "" && bound.Organization != "" && mine.BaseURL == bound.BaseURL {
		return fmt.Sprintf("the outbox belongs to %s, the configuration names no organisation any more; put api.organization_uuid back, or give the other terminals an outbox of their own", accountName(bound))
	}
	return fmt.Sprintf("the outbox belongs to %s, the configuration names %s; correct the configuration, or give this account an outbox of its own",
		accountName(bound), accountName(mine))
}

func accountName(a outbox.Account) string {
	if a.Organization == "" {
		return a.BaseURL
	}
	return "organisation " + a.Organization + " at " + a.BaseURL
}

// beginLooking holds the first sending until the broker has told of another agent, if there is one, and the API had the
// chance to tell of another account. Before the broker is there, no till hears anything anyway.
func (a *Agent) beginLooking() {
	if a.cfg.MQTT.URL != "" { // the embedded broker remembers nothing
		a.lookout.wait()
		a.gate.shut(gateUnheard)
		a.gate.shut(gateReading)
	}
	if a.cfg.API.OrganizationUUID != "" {
		a.listing.hold(lookMost)
	}
	a.gate.shut(gateSurveying)
}

// sameAccount tells whether the terminals are still those of the account that the outbox was filled for. The API's list
// names each one's organisation: with another organisation's token other names come, and a terminal that was moved comes
// under another one. The outbox holds what was meant for the first.
func (a *Agent) sameAccount(ctx context.Context, list []api.Terminal) bool {
	if a.guard.elsewhere {
		return false
	}
	owners := map[string]string{}
	for _, t := range list {
		if t.Organization != "" {
			owners[t.UUID] = t.Organization
		}
	}
	if len(owners) == 0 {
		return true // it does not tell
	}
	known, err := recalled[map[string]string](a.store, ownersBlob)
	if err != nil {
		a.log.Warn("it can't be told whether the terminals belong to the same organisation as before", "err", err)
		return true
	}
	if found := otherOwner(known, owners); found != "" {
		a.guard.notice(ctx, notice{Code: ProblemWrongAccount, Token: true, Message: found + acceptHint})
		return false
	}
	a.guard.withdraw(ctx)
	for uuid, organization := range known {
		if _, ok := owners[uuid]; !ok {
			owners[uuid] = organization
		}
	}
	if err := keep(ctx, a.store, ownersBlob, owners); err != nil && ctx.Err() == nil {
		a.log.Warn("the terminals' organisations could not be kept on disk", "err", err)
	}
	return true
}

// otherOwner says what tells that a list is another account's, "" if nothing does.
func otherOwner(known, listed map[string]string) string {
	if len(known) == 0 {
		return ""
	}
	shared := false
	organizations := map[string]bool{}
	for _, o := range known {
		organizations[o] = true
	}
	var others []string
	for uuid, o := range listed {
		if was, ok := known[uuid]; ok && was != o {
			return fmt.Sprintf("terminal %s belonged to organisation %s and is now listed under %s; move it back, or give the other organisation an outbox of its own", uuid, was, o)
		}
		shared = shared || organizations[o]
		if !slices.Contains(others, o) {
			others = append(others, o)
		}
	}
	if shared {
		return ""
	}
	slices.Sort(others)
	return "the API token shows terminals of organisation " + strings.Join(others, ", ") +
		" only, none of the one that the outbox was filled for; put the right token into the token file"
}
