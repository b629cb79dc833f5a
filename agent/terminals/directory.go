package terminals

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"

	"tillpost/agent/blob"
	"tillpost/agent/lookups"
	"tillpost/api"
	"tillpost/outbox"
)

// terminalsBlob is the name under which the last list is kept.
const terminalsBlob = "terminals"

// Directory knows the terminals: those that the configuration names, or those of the API's last list. It may be used by several
// goroutines at once.
type Directory struct {
	configured []string
	store      outbox.Store
	log        *slog.Logger

	mu          sync.Mutex
	listed      bool // a list was ever had
	fetched     bool // and one of them since the start
	byUUID      map[string]api.Terminal
	lastMissing []string // what missing returned last
	lastFailure string   // why there was no list, "" where there was one
}

// NewDirectory begins with the list that a former process kept; without one it knows none yet.
func NewDirectory(configured []string, store outbox.Store, log *slog.Logger) *Directory {
	d := &Directory{configured: configured, store: store, log: log, byUUID: map[string]api.Terminal{}}
	list, err := blob.Read[[]api.Terminal](store, terminalsBlob)
	switch {
	case err != nil:
		log.Warn("started without the kept terminal list", "err", err)
	case list != nil:
		d.take(list)
		d.fetched = false
	}
	return d
}

// Update takes a list of the API, and keeps it on disk if it brings news. It reports whether it does.
func (d *Directory) Update(ctx context.Context, list []api.Terminal) (news bool) {
	if missing, differ := d.missing(list); differ && len(missing) > 0 {
		d.log.Warn("the API does not have terminals that the configuration names; what is for them is refused", "terminals", strings.Join(missing, " "))
	}
	if !d.take(list) {
		return false
	}
	if err := blob.Write(ctx, d.store, terminalsBlob, list); err != nil && ctx.Err() == nil {
		d.log.Warn("the terminal list could not be kept on disk", "err", err)
	}
	d.log.Info("terminals", "count", len(list))
	return true
}

// take takes a list, and reports whether it brings news.
func (d *Directory) take(list []api.Terminal) (news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	byUUID := make(map[string]api.Terminal, len(list))
	for _, t := range list {
		byUUID[t.UUID] = t
	}
	news = !d.listed || !maps.Equal(byUUID, d.byUUID)
	d.byUUID, d.listed, d.fetched = byUUID, true, true
	return news
}

// missing returns the configured terminals that a list lacks; news is false where the last one lacked the same.
func (d *Directory) missing(list []api.Terminal) (uuids []string, news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, uuid := range d.configured {
		if !slices.ContainsFunc(list, func(t api.Terminal) bool { return t.UUID == uuid }) {
			uuids = append(uuids, uuid)
		}
	}
	news = !slices.Equal(uuids, d.lastMissing)
	d.lastMissing = uuids
	return uuids, news
}

// LogFailure logs why a reply brought no list of terminals, unless the last one failed likewise. That the API can't be reached, or
// refuses the token, is logged by health.
func (d *Directory) LogFailure(reply api.Reply) {
	why := ""
	switch reply.Outcome {
	case api.OutcomeAccepted:
	case api.OutcomeRefused, api.OutcomeNotFound, api.OutcomeAmbiguous:
		if lookups.Forbids(reply) || reply.HTTPStatus == 0 {
			return
		}
		why = reply.Message
		if reply.Err != nil {
			why = reply.Err.Error()
		}
	default:
		return
	}
	d.mu.Lock()
	was := d.lastFailure
	d.lastFailure = why
	d.mu.Unlock()
	if why != was && why != "" {
		d.log.Warn("the API does not list the terminals; the last list stands, and without one any terminal is taken. Is organization_uuid right?", "status", reply.HTTPStatus, "cause", why)
	}
}

// Fresh reports whether a list was had since the start.
func (d *Directory) Fresh() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fetched
}

// Has reports whether requests for a terminal are taken. Without any list yet, every uuid may be one.
func (d *Directory) Has(uuid string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.configured) > 0 && !slices.Contains(d.configured, uuid) {
		return false
	}
	_, ok := d.byUUID[uuid]
	return ok || !d.listed
}

// List returns the terminals, by name and uuid.
func (d *Directory) List() []api.Terminal {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []api.Terminal
	for uuid, t := range d.byUUID {
		if len(d.configured) == 0 || slices.Contains(d.configured, uuid) {
			all = append(all, t)
		}
	}
	if !d.listed {
		for _, uuid := range d.configured {
			all = append(all, api.Terminal{UUID: uuid, Name: uuid, Active: true})
		}
	}
	slices.SortFunc(all, func(a, b api.Terminal) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.UUID, b.UUID))
	})
	return all
}

// Name returns what people call a terminal, its uuid if that is not known.
func (d *Directory) Name(uuid string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return cmp.Or(d.byUUID[uuid].Name, uuid)
}

// Known lists the terminals as the text of a refusal that should help; a long list is cut.
func (d *Directory) Known() string {
	const most = 20
	var names []string
	for i, t := range d.List() {
		if i == most {
			names = append(names, "…")
			break
		}
		name := t.UUID
		if t.Name != "" && t.Name != t.UUID {
			name += " (" + t.Name + ")"
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
