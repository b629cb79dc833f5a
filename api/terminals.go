package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Terminal is a card terminal. Name is bounded. Organization is a uuid, "" where the list does not have it.
type Terminal struct {
	UUID   string
	Name   string
	Active bool

	Organization string
}

// ListTerminals lists the organisation's terminals ("Get Terminal Lists"), in the API's order. Terminals are nil unless
// the outcome is accepted; a list of which a part could not be read is not accepted.
func (c *Client) ListTerminals(ctx context.Context) ([]Terminal, Reply) {
	if c.organization == "" {
		return nil, c.invalid(OpListTerminals, "no organisation is configured")
	}
	var terminals []Terminal
	reply := c.call(ctx, request{
		op: OpListTerminals, method: http.MethodGet, path: "connect/terminal/lists/" + url.PathEscape(c.organization),
		read: func(e envelope) (err error) {
			terminals, err = readTerminals(e)
			return err
		},
	})
	return terminals, reply
}

func readTerminals(e envelope) ([]Terminal, error) {
	if e.paged() {
		return nil, ErrPaged
	}
	list, ok := asList(e.data)
	if !ok {
		return nil, errors.New("the reply holds no list of terminals")
	}
	terminals := make([]Terminal, 0, len(list))
	for _, raw := range list {
		m, _ := asObject(raw)
		uuid, ok := asText(m["uuid"])
		if !ok {
			return nil, errors.New("the list holds a terminal without uuid")
		}
		if !validID(uuid) {
			continue // no topic and no order could name it
		}
		name, _ := asText(m["name"])
		status, _ := asText(m["status"])
		organization, _ := asText(m["organization_uuid"])
		terminals = append(terminals, Terminal{
			UUID: uuid, Name: cutText(name, maxPath),
			Active:       asBool(m["status"]) || strings.EqualFold(status, "active"),
			Organization: cutText(organization, maxPath),
		})
	}
	return terminals, nil
}

// pagingKeys beside a list, or around it, say that it is one page of several.
// That holds for a single page too: what proves it the last one is not documented.
var pagingKeys = map[string]bool{
	"current_page": true, "last_page": true, "next_page_url": true, "prev_page_url": true, "per_page": true,
	"links": true, "meta": true, "pagination": true, "next": true, "next_cursor": true,
}

func (e envelope) paged() bool {
	data, _ := asObject(e.data)
	for _, m := range []map[string]json.RawMessage{e.fields, data} {
		for k := range m {
			if pagingKeys[k] {
				return true
			}
		}
	}
	return false
}
