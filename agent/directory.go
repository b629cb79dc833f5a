package agent

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"

	"tillpost/api"
)

// terminalsBlob is where the last list is kept on disk.
const terminalsBlob = "terminals"

// directory knows the terminals: those that the config names, or those of the API's last list.
type directory struct {
	configured []string

	mu      sync.Mutex
	listed  bool // a list was ever had
	fetched bool // and one of them since the start
	byUUID  map[string]api.Terminal
	lacked  []string // what lacking gave last
}

func newDirectory(configured []string) *directory {
	return &directory{configured: configured, byUUID: map[string]api.Terminal{}}
}

// load takes the list that was kept on disk; nothing kept is no error.
func (d *directory) load(raw []byte) error {
	if len(raw) == 0 {
		return nil
	}
	var list []api.Terminal
	if err := json.Unmarshal(raw, &list); err != nil {
		return fmt.Errorf("the kept terminal list can't be read: %w", err)
	}
	d.update(list)
	d.mu.Lock()
	d.fetched = false
	d.mu.Unlock()
	return nil
}

// update takes a list of the API; true if it brings news. The list is to be kept on disk then.
func (d *directory) update(list []api.Terminal) (news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	byUUID := make(map[string]api.Terminal, len(list))
	for _, t := range list {
		byUUID[t.UUID] = t
	}
	news = !d.listed || len(byUUID) != len(d.byUUID)
	for uuid, t := range byUUID {
		news = news || d.byUUID[uuid] != t
	}
	d.byUUID, d.listed, d.fetched = byUUID, true, true
	return news
}

// lacking names the configured terminals that the API's list lacks; news is false where it did so before.
func (d *directory) lacking() (uuids []string, news bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, uuid := range d.configured {
		if _, ok := d.byUUID[uuid]; !ok {
			uuids = append(uuids, uuid)
		}
	}
	news = !slices.Equal(uuids, d.lacked)
	d.lacked = uuids
	return uuids, news
}

// fresh tells whether a list was had since the start.
func (d *directory) fresh() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.fetched
}

// has tells whether requests for a terminal are taken. Without any list yet, every terminal may be one.
func (d *directory) has(uuid string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.configured) > 0 && !slices.Contains(d.configured, uuid) {
		return false
	}
	_, ok := d.byUUID[uuid]
	return ok || !d.listed
}

// list gives the terminals by name and uuid.
func (d *directory) list() []api.Terminal {
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

// name is what people call a terminal, its uuid if that is not known.
func (d *directory) name(uuid string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t, ok := d.byUUID[uuid]; ok && t.Name != "" {
		return t.Name
	}
	return uuid
}

// known names the terminals for a refusal that should help; a long list is cut.
func (d *directory) known() string {
	const most = 20
	var names []string
	for i, t := range d.list() {
		if i == most {
			names = append(names, "…")
			break
		}
		if t.Name == "" || t.Name == t.UUID {
			names = append(names, t.UUID)
		} else {
			names = append(names, fmt.Sprintf("%s (%s)", t.UUID, t.Name))
		}
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
