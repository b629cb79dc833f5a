package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxList      = 64 << 20
	maxListEntry = 1 << 20 // what one entry may make the decoder hold
	// A list that makes progress may take this long: its limit is on silence.
	longestList = time.Hour
)

var errUnreadableList = errors.New("the list of orders cannot be read")

// OrderStatuses calls each with the status of every order of the organisation, or of those with one status ("SENT",
// "PAID", "CANCELLED", …; "" for all), in the API's order, while the list arrives. Only an accepted reply means that
// the list was whole: before any other outcome, each was called with a part of unknown size. An error of each ends the
// call as ambiguous, with that error. A 404 "Order Not Found" is a whole, empty list.
func (c *Client) OrderStatuses(ctx context.Context, status string, each func(OrderStatus) error) Reply {
	path := "connect/orders/status"
	if status != "" {
		path += "?" + url.Values{"type": {status}}.Encode()
	}
	return c.call(ctx, request{
		op: OpOrderStatuses, method: http.MethodGet, path: path,
		stream: func(resp *http.Response) (envelope, error) {
			if strings.Contains(resp.Header.Get("Link"), `rel="next"`) {
				return envelope{}, ErrPaged
			}
			return readStatuses(resp.Body, maxList, each)
		},
	})
}

// streamed has rq.stream read a 2xx body as it comes. The call's timeout bounds each wait for more of it.
func (c *Client) streamed(ctx context.Context, rq request, token string) (exchange, *envelope) {
	ctx, cancel := context.WithTimeout(ctx, longestList)
	defer cancel()
	ctx, giveUp := context.WithCancelCause(ctx)
	stall := time.AfterFunc(c.timeout, func() { giveUp(context.DeadlineExceeded) })
	defer stall.Stop()
	hr, err := c.newRequest(ctx, rq, token)
	if err != nil {
		return exchange{err: err, at: time.Now()}, nil
	}
	resp, ex := c.open(hr)
	if resp == nil {
		return ex, nil
	}
	rq.onHeader()
	defer func() { _ = resp.Body.Close() }()
	resp.Body = &progress{ReadCloser: resp.Body, timer: stall, patience: c.timeout}
	if !success(resp.StatusCode) {
		ex.body, ex.err = readBounded(resp.Body)
		return ex, nil
	}
	env, err := rq.stream(resp)
	ex.err = err
	return ex, &env
}

// progress resets the stall timer while bytes come.
type progress struct {
	io.ReadCloser
	timer    *time.Timer
	patience time.Duration
}

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.ReadCloser.Read(b)
	if n > 0 {
		p.timer.Reset(p.patience)
	}
	return n, err
}

// allowance bounds what is read in all, and between two refills: one endless value cannot fill the memory.
type allowance struct {
	r     io.Reader
	left  int64
	entry int64
}

func (a *allowance) Read(b []byte) (int, error) {
	limit := min(a.left, a.entry)
	if limit <= 0 {
		return 0, ErrCut
	}
	if int64(len(b)) > limit {
		b = b[:limit]
	}
	n, err := a.r.Read(b)
	a.left -= int64(n)
	a.entry -= int64(n)
	return n, err
}

// readStatuses reads {…, "data": [{uuid,status}…], …}, in any order, to the body's end, at most bound bytes.
func readStatuses(r io.Reader, bound int64, each func(OrderStatus) error) (envelope, error) {
	in := &allowance{r: r, left: bound, entry: maxListEntry}
	dec := json.NewDecoder(in)
	if err := expect(dec, '{'); err != nil {
		return envelope{}, err
	}
	fields := map[string]json.RawMessage{}
	seen, entries := false, 0
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return envelope{}, unreadable(err)
		}
		if key == "data" {
			if seen {
				return envelope{}, errUnreadableList
			}
			if seen, entries, err = readData(dec, in, each); err != nil {
				return envelope{}, err
			}
			continue
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return envelope{}, unreadable(err)
		}
		name, _ := key.(string)
		fields[name] = value
		in.entry = maxListEntry
		if len(fields) > 100 {
			return envelope{}, errUnreadableList
		}
	}
	if err := expect(dec, '}'); err != nil {
		return envelope{}, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return envelope{}, unreadable(err)
	}
	e := readFields(fields, &scrubber{})
	return e, listFault(e, seen, entries)
}

// listFault returns why what was read is not the whole list. Where the envelope
// itself is a failure, that decides, unless orders came with it.
func listFault(e envelope, seen bool, entries int) error {
	failed := classify(OpOrderStatuses, http.StatusOK, e) != OutcomeAccepted
	switch {
	case failed && entries == 0:
		return nil
	case failed:
		return errUnreadableList
	case e.paged():
		return ErrPaged
	case !seen, entries == 0 && !e.fromAPI: // an empty list counts only in the API's own envelope
		return errUnreadableList
	}
	return nil
}

// readData reads a list, or an object keyed "0", "1"…; an object with other keys is a page, or nothing we know. A null,
// as failures bring it, is no list: seen stays false.
func readData(dec *json.Decoder, in *allowance, each func(OrderStatus) error) (seen bool, entries int, err error) {
	open, err := dec.Token()
	if err != nil {
		return false, 0, unreadable(err)
	}
	if open == nil {
		return false, 0, nil
	}
	keyed := open == json.Delim('{')
	if !keyed && open != json.Delim('[') {
		return false, 0, errUnreadableList
	}
	for dec.More() {
		if keyed {
			if err := readIndex(dec); err != nil {
				return true, entries, err
			}
		}
		if err := readEntry(dec, each); err != nil {
			return true, entries, err
		}
		entries++
		in.entry = maxListEntry
	}
	if _, err := dec.Token(); err != nil {
		return true, entries, unreadable(err)
	}
	return true, entries, nil
}

func readIndex(dec *json.Decoder) error {
	key, err := dec.Token()
	if err != nil {
		return unreadable(err)
	}
	name, _ := key.(string)
	if pagingKeys[name] || name == "data" {
		return ErrPaged
	}
	if _, err := strconv.ParseUint(name, 10, 32); err != nil {
		return errUnreadableList
	}
	return nil
}

func readEntry(dec *json.Decoder, each func(OrderStatus) error) error {
	var entry struct {
		UUID   json.RawMessage `json:"uuid"`
		Status json.RawMessage `json:"status"`
	}
	if err := dec.Decode(&entry); err != nil {
		return unreadable(err)
	}
	uuid, ok := asText(entry.UUID)
	status, readable := asText(entry.Status)
	if !ok || uuid == "" || !readable && !isNull(entry.Status) {
		return errUnreadableList
	}
	return each(OrderStatus{UUID: uuid, Status: cutText(status, maxText)})
}

func expect(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err != nil {
		return unreadable(err)
	}
	if got != want {
		return errUnreadableList
	}
	return nil
}

// unreadable wraps a decoder's error. Syntax errors quote a character at most.
func unreadable(err error) error {
	if err == nil {
		return errUnreadableList // a further value where the end should be
	}
	return fmt.Errorf("%w: %w", errUnreadableList, err)
}
