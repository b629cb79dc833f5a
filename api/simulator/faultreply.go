package simulator

import (
	"bytes"
	"io"
	"net/http"
	"strconv"
)

// Garbage is a kind of unreadable reply.
type Garbage string

// The kinds of garbage. Single quotes are what some of the API's documents print.
const (
	GarbageHTML         Garbage = "html"          // a proxy's error page
	GarbageSingleQuoted Garbage = "single_quoted" // the reply with ' for "
	GarbageEmpty        Garbage = "empty"         // no body at all
	GarbageHuge         Garbage = "huge"          // 20 MB of one JSON string
	GarbageInvalidJSON  Garbage = "invalid_json"  // the reply without its last byte
)

var garbages = []Garbage{GarbageHTML, GarbageSingleQuoted, GarbageEmpty, GarbageHuge, GarbageInvalidJSON}

// hugeSize is the length of the string in a GarbageHuge reply.
const hugeSize = 20 << 20

const htmlPage = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n" +
	"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"

// dropsReply reports whether the connection is closed instead of a reply.
func (a Action) dropsReply() bool { return a.Kind == KindDropBefore || a.Kind == KindDropAfter }

// replyInstead returns the reply of the kinds of faults that do not act, and false for
// the others.
func (a Action) replyInstead(req *request) (reply, bool) {
	switch a.Kind {
	case KindRefuse:
		return failure(a.Code, a.StatusText, a.Message), true
	case KindStatus:
		return reply{http: a.Code, raw: []byte(a.Body)}, true
	case KindUnauthorized:
		return unauthenticated(), true
	case KindRateLimited:
		return tooMany(seconds(a.RetryAfter)), true
	case KindPage:
		return proxyPage(a.Code), true
	case KindRedirect:
		return reply{http: a.Code, header: map[string]string{"Location": req.uri}}, true
	case KindBusyReply:
		return busy(), true
	case KindGarbage:
		if a.WithoutActing {
			return a.garbage(success(http.StatusOK, "OK", nil)), true
		}
	default: // the others act
	}
	return reply{}, false
}

// changeReply changes the reply of a call that has acted.
func (a Action) changeReply(rep reply) reply {
	switch a.Kind {
	case KindBusyButCreated:
		if rep.http < 300 {
			return busy()
		}
	case KindUnder200:
		rep.http = http.StatusOK
	case KindGarbage:
		return a.garbage(rep)
	case KindContradict:
		return a.contradict(rep)
	default: // the others leave the reply as it is
	}
	return rep
}

// garbage makes a reply unreadable.
func (a Action) garbage(rep reply) reply {
	body := rep.render()
	out := reply{http: rep.http}
	if a.Code != 0 {
		out.http = a.Code
	}
	switch a.Garbage {
	case GarbageHTML:
		out.raw, out.header = []byte(htmlPage), map[string]string{"Content-Type": "text/html"}
	case GarbageSingleQuoted:
		out.raw = bytes.ReplaceAll(body, []byte(`"`), []byte(`'`))
	case GarbageInvalidJSON:
		out.raw = body[:len(body)-1]
	default: // nothing, or what send streams
	}
	return out
}

// send writes the reply.
func (rep reply) send(w http.ResponseWriter, act Action) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	for k, v := range rep.header {
		h.Set(k, v)
	}
	if act.Kind == KindGarbage && act.Garbage == GarbageHuge {
		w.WriteHeader(rep.http)
		sendHuge(w)
		return
	}
	body := rep.render()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(rep.http)
	if act.Kind != KindHalfReply {
		_, _ = w.Write(body) // a client that has gone gets nothing
		return
	}
	_, _ = w.Write(body[:len(body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// sendHuge streams a reply that is valid JSON and far too long.
func sendHuge(w io.Writer) {
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	if _, err := io.WriteString(w, `{"status_code":200,"status_message":"OK","message":"`); err != nil {
		return
	}
	for range hugeSize / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return // the reader has had enough
		}
	}
	_, _ = io.WriteString(w, `"}`)
}
