package monitor

import (
	"context"
	"time"
)

// emptySource has nothing to show.
type emptySource struct{}

func (emptySource) Agent() any                        { return map[string]string{"state": "online"} }
func (emptySource) Terminals() []Terminal             { return nil }
func (emptySource) Displays() []Display               { return nil }
func (emptySource) Requests(Query) (Page, error)      { return Page{}, nil }
func (emptySource) Request(string) (any, bool, error) { return nil, false, nil }
func (emptySource) Open(int) ([]any, error)           { return nil, nil }
func (emptySource) Resolve(context.Context, string, []byte) (any, bool, error) {
	return nil, false, nil
}
func (emptySource) Move(context.Context, string, []byte) (any, error)   { return nil, nil }
func (emptySource) Pause(context.Context, string, []byte) (any, error)  { return nil, nil }
func (emptySource) Resume(context.Context, string, []byte) (any, error) { return nil, nil }
func (emptySource) Report(context.Context, string) (any, error)         { return nil, nil }
func (emptySource) Charts() (any, error)                                { return nil, nil }
func (emptySource) Location() *time.Location                            { return time.UTC }

// fullSource has one of each, and notes what it was asked.
type fullSource struct {
	emptySource
	asked Query
	page  Page
	err   error
}

type one map[string]string

func (f *fullSource) Terminals() []Terminal {
	return []Terminal{{UUID: "T1", View: one{"uuid": "T1", "lane": "idle"}}}
}

func (f *fullSource) Displays() []Display {
	return []Display{{Terminal: "T1", View: one{"terminalUuid": "T1"}}, {Terminal: "T2", View: one{"terminalUuid": "T2"}}}
}

func (f *fullSource) Requests(q Query) (Page, error) { f.asked = q; return f.page, f.err }
func (f *fullSource) Open(int) ([]any, error)        { return []any{one{"requestId": "open-1"}}, nil }
