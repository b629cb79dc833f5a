package api

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func collect(t *testing.T, c *Client, status string) ([]OrderStatus, Reply) {
	t.Helper()
	var list []OrderStatus
	r := c.OrderStatuses(t.Context(), status, func(s OrderStatus) error {
		list = append(list, s)
		return nil
	})
	return list, r
}

func TestOrderStatuses(t *testing.T) {
	t.Parallel()
	entry := `{"uuid":"ODR1","status":"SENT"}`
	frame := `{"status_code":200,"message":"Order Status Retrieved Successfully","is_data":true,"data":%s}`
	tests := []struct {
		name   string
		status int
		body   string
		want   Outcome
		count  int
		cause  error
	}{
		{"list", 200, fmt.Sprintf(frame, "["+entry+`,{"uuid":"ODR2","status":"PARTIAL REFUNDED","x":[1]}]`), OutcomeAccepted, 2, nil},
		{"empty list", 200, fmt.Sprintf(frame, "[]"), OutcomeAccepted, 0, nil},
		{"data first", 200, `{"data":[` + entry + `],"message":"ok","status_code":200}`, OutcomeAccepted, 1, nil},
		{"a list with gaps, as PHP writes it", 200, fmt.Sprintf(frame, `{"0":`+entry+`,"7":`+entry+`}`), OutcomeAccepted, 2, nil},
		{"nothing found", 404, envelopeText(404, "Order Not Found"), OutcomeAccepted, 0, nil},
		{"nothing found under 200", 200, `{"status_code":404,"message":"Order Not Found","data":null}`, OutcomeAccepted, 0, nil},
		{"no such route", 404, "<html>", OutcomeAmbiguous, 0, nil},
		{"404 of another kind", 404, envelopeText(404, "organizationNotFound"), OutcomeNotFound, 0, nil},
		{"not allowed", 403, envelopeText(403, "forbidden"), OutcomeRefused, 0, nil},
		{"failed under 200", 200, envelopeText(510, "Something Went Wrong"), OutcomeAmbiguous, 0, nil},
		{"orders under a failure", 200, `{"data":[` + entry + `],"status_code":404,"message":"Order Not Found"}`, OutcomeNotFound, 1, nil},
		{"null", 200, fmt.Sprintf(frame, "null"), OutcomeAmbiguous, 0, errUnreadableList},
		{"no data", 200, `{"status_code":200,"message":"ok"}`, OutcomeAmbiguous, 0, errUnreadableList},
		{"text", 200, fmt.Sprintf(frame, `"Array"`), OutcomeAmbiguous, 0, errUnreadableList},
		{"two data", 200, `{"data":[],"message":"ok","data":[]}`, OutcomeAmbiguous, 0, errUnreadableList},
		{"an object", 200, fmt.Sprintf(frame, entry), OutcomeAmbiguous, 0, errUnreadableList},
		{"no uuid", 200, fmt.Sprintf(frame, `[`+entry+`,{"status":"SENT"}]`), OutcomeAmbiguous, 1, errUnreadableList},
		{"an odd status", 200, fmt.Sprintf(frame, `[{"uuid":"ODR1","status":{}}]`), OutcomeAmbiguous, 0, errUnreadableList},
		{"pages", 200, fmt.Sprintf(frame, `{"current_page":1,"data":[`+entry+`],"next_page_url":"http://x?page=2","last_page":2}`), OutcomeAmbiguous, 0, ErrPaged},
		{"data before pages", 200, fmt.Sprintf(frame, `{"data":[`+entry+`],"current_page":1}`), OutcomeAmbiguous, 0, ErrPaged},
		{"links and meta", 200, `{"message":"ok","data":[` + entry + `],"links":{"next":null},"meta":{"last_page":3}}`, OutcomeAmbiguous, 1, ErrPaged},
		{"top-level pages", 200, `{"message":"ok","data":[` + entry + `],"next_page_url":"x"}`, OutcomeAmbiguous, 1, ErrPaged},
		{"cut inside", 200, `{"message":"ok","data":[` + entry + `,{"uu`, OutcomeAmbiguous, 1, errUnreadableList},
		{"cut at a comma", 200, `{"message":"ok","data":[` + entry + `,`, OutcomeAmbiguous, 1, errUnreadableList},
		{"cut before the end", 200, `{"message":"ok","data":[` + entry + `]`, OutcomeAmbiguous, 1, errUnreadableList},
		{"something after", 200, fmt.Sprintf(frame, "[]") + "{}", OutcomeAmbiguous, 0, errUnreadableList},
		{"HTML", 200, "<html>", OutcomeAmbiguous, 0, errUnreadableList},
		{"nothing", 200, "", OutcomeAmbiguous, 0, nil},
		{"a bare list", 200, "[" + entry + "]", OutcomeAmbiguous, 0, errUnreadableList},
		{"an endless entry", 200, fmt.Sprintf(frame, `[{"uuid":"`+strings.Repeat("x", 3<<20)+`"}]`), OutcomeAmbiguous, 0, ErrCut},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			list, r := collect(t, serve(t, answer(tt.status, tt.body)), "")
			wantOutcome(t, tt.name, r, tt.want)
			if len(list) != tt.count {
				t.Errorf("%d orders, want %d", len(list), tt.count)
			}
			if tt.cause != nil && !errors.Is(r.Err, tt.cause) {
				t.Errorf("cause %v, want %v", r.Err, tt.cause)
			}
		})
	}
}

func TestOrderStatusesFiltersAndStops(t *testing.T) {
	t.Parallel()
	var query string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		query = r.URL.Query().Get("type")
		answer(200, `{"message":"ok","data":[{"uuid":"ODR1","status":"REFUNDED"},{"uuid":"ODR2"}]}`)(w, r)
	})
	list, _ := collect(t, c, "PARTIAL REFUNDED")
	if query != "PARTIAL REFUNDED" || len(list) != 2 || list[0].State() != PaymentPaid || list[1].State() != PaymentPending {
		t.Errorf("asked for %q, got %+v", query, list)
	}
	enough := errors.New("enough")
	r := c.OrderStatuses(t.Context(), "", func(OrderStatus) error { return enough })
	wantOutcome(t, "stopped", r, OutcomeAmbiguous)
	if !errors.Is(r.Err, enough) {
		t.Errorf("cause %v", r.Err)
	}
}

func TestLinkHeaderMeansPages(t *testing.T) {
	t.Parallel()
	_, r := collect(t, serve(t, func(w http.ResponseWriter, rq *http.Request) {
		w.Header().Set("Link", `<https://x?page=2>; rel="next"`)
		answer(200, `{"message":"ok","data":[]}`)(w, rq)
	}), "")
	wantOutcome(t, "Link", r, OutcomeAmbiguous)
}

// A list whose end does not come is no list, even where the JSON looks whole.
func TestListBrokenOffByTheConnection(t *testing.T) {
	t.Parallel()
	s := serveRaw(t, func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1c\r\n{\"message\":\"ok\",\"data\":[]  }\r\n")
	})
	_, r := collect(t, newClient(t, options(s.base)), "")
	wantOutcome(t, "no last chunk", r, OutcomeAmbiguous)
}

func TestListOfMoreThanItsBound(t *testing.T) {
	t.Parallel()
	text := `{"message":"ok","data":[` + strings.Repeat(`{"uuid":"ODR123456789"},`, 99) + `{"uuid":"ODR1"}]}`
	for bound, want := range map[int]error{len(text) + 1: nil, len(text) - 1: ErrCut, 1000: ErrCut} {
		n := 0
		e, err := readStatuses(strings.NewReader(text), int64(bound), func(OrderStatus) error { n++; return nil })
		if !errors.Is(err, want) || (want == nil) != e.parsed || n > 100 {
			t.Errorf("%d bytes of %d: %v after %d orders", bound, len(text), err, n)
		}
	}
}

// A list may take longer than the timeout while it moves, and no longer when it stands.
func TestSlowList(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, end := range []string{"]}", ""} {
			c := newClient(t, pipes(readThen(func(conn net.Conn) {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"+`{"message":"ok","data":[{"uuid":"ODR0"}`)
				for range 5 {
					time.Sleep(4 * time.Second)
					_, _ = io.WriteString(conn, `,{"uuid":"ODR1"}`)
				}
				if end == "" {
					_, _ = conn.Read(make([]byte, 1))
				}
				_, _ = io.WriteString(conn, end)
			})))
			start := time.Now()
			list, r := collect(t, c, "")
			took := time.Since(start)
			if end == "" {
				wantOutcome(t, "stands still", r, OutcomeAmbiguous)
				if took != 25*time.Second {
					t.Errorf("gave up after %v, want 5s after the last byte", took)
				}
				continue
			}
			wantOutcome(t, "moves", r, OutcomeAccepted)
			if len(list) != 6 || took != 20*time.Second {
				t.Errorf("%d orders in %v", len(list), took)
			}
		}
	})
}
