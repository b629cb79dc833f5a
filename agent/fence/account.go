package fence

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"tillpost/agent/blob"
	"tillpost/agent/config"
	"tillpost/agent/health"
	"tillpost/api"
	"tillpost/outbox"
)

// ownersBlob is the name under which the organisation of each terminal is kept.
const ownersBlob = "owners"

// AccountOf returns the account that a configuration names.
func AccountOf(cfg *config.Config) outbox.Account {
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

// SameAccount reports whether the terminals of an API's list are still those of the account that the outbox was filled for, and
// places a hold where they are not. The list names each one's organisation: with another organisation's token other names come,
// and a terminal that was moved comes under another one. The outbox holds what was meant for the first.
func (f *Fence) SameAccount(ctx context.Context, list []api.Terminal) bool {
	if f.holds.otherAccountConfigured {
		return false
	}
	owners := map[string]string{}
	for _, t := range list {
		if t.Organization != "" {
			owners[t.UUID] = t.Organization
		}
	}
	if len(owners) == 0 {
		return true // the list names none
	}
	known, err := blob.Read[map[string]string](f.o.Store, ownersBlob)
	if err != nil {
		f.o.Log.Warn("it can't be told whether the terminals belong to the same organisation as before", "err", err)
		return true
	}
	if found := otherOwner(known, owners); found != "" {
		f.holds.place(ctx, hold{Code: health.ProblemWrongAccount, Token: true, Message: found + acceptHint})
		return false
	}
	f.holds.withdraw(ctx)
	all := map[string]string{}
	maps.Copy(all, known)
	maps.Copy(all, owners)
	if err := blob.Write(ctx, f.o.Store, ownersBlob, all); err != nil && ctx.Err() == nil {
		f.o.Log.Warn("the terminals' organisations could not be kept on disk", "err", err)
	}
	return true
}

// otherOwner says by what a list is seen to be another account's, "" if it is not.
func otherOwner(known, listed map[string]string) string {
	if len(known) == 0 {
		return ""
	}
	shared := false
	organizations := slices.Collect(maps.Values(known))
	var others []string
	for uuid, o := range listed {
		if was, ok := known[uuid]; ok && was != o {
			return fmt.Sprintf("terminal %s belonged to organisation %s and is now listed under %s; move it back, or give the other organisation an outbox of its own", uuid, was, o)
		}
		shared = shared || slices.Contains(organizations, o)
		others = append(others, o)
	}
	if shared {
		return ""
	}
	slices.Sort(others)
	return "the API token shows terminals of organisation " + strings.Join(slices.Compact(others), ", ") +
		" only, none of the one that the outbox was filled for; put the right token into the token file"
}
