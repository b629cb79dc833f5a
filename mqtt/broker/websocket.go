package broker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// webSocketPath is the path to which tills in a browser connect.
	webSocketPath        = "/mqtt"
	webSocketSubprotocol = "mqtt"
	// maxUpgradeRequest bounds the HTTP request that opens a WebSocket, in bytes.
	maxUpgradeRequest = 16 << 10
)

// upgrader leaves the checks of subprotocol and origin to us, and shares the write
// buffers: a connection needs one only while it writes.
var upgrader = websocket.Upgrader{
	ReadBufferSize: 2048, WriteBufferSize: 2048, WriteBufferPool: &sync.Pool{},
	Subprotocols: []string{webSocketSubprotocol},
	CheckOrigin:  func(*http.Request) bool { return true },
}

// webSocket is a connection whose bytes are in WebSocket messages. The first Read makes the upgrade. Deadlines are
// those of the connection below, which its owner sets.
type webSocket struct {
	net.Conn
	// refuse reports whether pages of an origin may not connect.
	refuse func(origin string) bool

	open    atomic.Pointer[websocket.Conn]
	message io.Reader // for the goroutine that calls Read
}

// Read implements net.Conn. MQTT's packets may lie across messages.
func (w *webSocket) Read(b []byte) (int, error) {
	ws := w.open.Load()
	if ws == nil {
		var err error
		if ws, err = w.upgrade(); err != nil {
			return 0, fmt.Errorf("it did not open a WebSocket: %w", err)
		}
		w.open.Store(ws)
	}
	for {
		if w.message == nil {
			kind, message, err := ws.NextReader()
			if err != nil {
				return 0, err
			}
			if kind != websocket.BinaryMessage {
				return 0, errors.New("a WebSocket message that is not binary")
			}
			w.message = message
		}
		n, err := w.message.Read(b)
		if errors.Is(err, io.EOF) {
			w.message, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Write implements net.Conn: it makes one message of b.
func (w *webSocket) Write(b []byte) (int, error) {
	ws := w.open.Load()
	if ws == nil {
		return 0, net.ErrClosed
	}
	if err := ws.WriteMessage(websocket.BinaryMessage, b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Close implements net.Conn. It takes a second at most to send the peer a close message.
func (w *webSocket) Close() error {
	if ws := w.open.Load(); ws != nil {
		// A peer that does not take it is gone or slow.
		_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(closeTimeout))
	}
	return w.Conn.Close()
}

// upgrade answers the HTTP request that a WebSocket begins with.
func (w *webSocket) upgrade() (*websocket.Conn, error) {
	said := bufio.NewReader(io.LimitReader(w.Conn, maxUpgradeRequest))
	request, err := http.ReadRequest(said)
	if err != nil {
		return nil, err
	}
	answer := &upgradeResponse{conn: w.Conn, reader: said, header: http.Header{}}
	if code, words := w.checkUpgrade(request); code != 0 {
		http.Error(answer, words, code)
		answer.send(request)
		return nil, errors.New(words)
	}
	ws, err := upgrader.Upgrade(answer, request, nil)
	if err != nil {
		answer.send(request)
		return nil, err
	}
	ws.SetPingHandler(func(said string) error {
		return ws.WriteControl(websocket.PongMessage, []byte(said), time.Now().Add(peerWriteTimeout))
	})
	return ws, nil
}

// checkUpgrade returns 0, or the HTTP status and the text for a request that can't become a WebSocket with MQTT in it.
func (w *webSocket) checkUpgrade(r *http.Request) (code int, words string) {
	origins := r.Header.Values("Origin")
	switch {
	case r.URL.Path != webSocketPath:
		return http.StatusNotFound, "there is nothing here; tills connect to " + webSocketPath
	case !websocket.IsWebSocketUpgrade(r):
		return http.StatusUpgradeRequired, "this is MQTT over WebSockets; connect with an MQTT client"
	case slices.ContainsFunc(origins, w.refuse):
		return http.StatusForbidden, "pages of this origin may not connect; name it in mqtt.embedded.websocket_origins"
	case !slices.Contains(websocket.Subprotocols(r), webSocketSubprotocol):
		return http.StatusBadRequest, "the subprotocol has to be " + webSocketSubprotocol
	}
	return 0, ""
}

// upgradeResponse is the http.ResponseWriter of an upgrade.
type upgradeResponse struct {
	conn   net.Conn
	reader *bufio.Reader
	header http.Header
	code   int
	body   bytes.Buffer
}

func (a *upgradeResponse) Header() http.Header         { return a.header }
func (a *upgradeResponse) WriteHeader(code int)        { a.code = code }
func (a *upgradeResponse) Write(b []byte) (int, error) { return a.body.Write(b) }

// Hijack implements http.Hijacker.
func (a *upgradeResponse) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return lastingDeadlines{a.conn}, bufio.NewReadWriter(a.reader, bufio.NewWriterSize(a.conn, 512)), nil
}

// send writes the response of a refused upgrade; the connection ends either way.
func (a *upgradeResponse) send(r *http.Request) {
	if a.code == 0 {
		return // it was hijacked
	}
	if a.code == http.StatusUpgradeRequired {
		a.header.Set("Upgrade", "websocket")
	}
	response := http.Response{
		StatusCode: a.code, ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: a.header, Close: true,
		ContentLength: int64(a.body.Len()), Body: io.NopCloser(&a.body),
	}
	_ = response.Write(a.conn)
}

// lastingDeadlines ignores the removal of deadlines: the upgrader removes those that we have set.
type lastingDeadlines struct{ net.Conn }

func (c lastingDeadlines) SetDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	return c.Conn.SetDeadline(t)
}

func (c lastingDeadlines) SetWriteDeadline(t time.Time) error {
	if t.IsZero() {
		return nil
	}
	return c.Conn.SetWriteDeadline(t)
}

// overWebSocket returns the connection on which a till in a browser speaks MQTT.
func (b *Broker) overWebSocket(conn net.Conn) net.Conn {
	return &webSocket{Conn: conn, refuse: func(origin string) bool {
		if slices.Contains(b.options.WebSocketOrigins, origin) {
			return false
		}
		b.logLimit.Do(func() {
			b.log.Warn("a page in a browser was refused: its origin is not among mqtt.embedded.websocket_origins",
				"origin", cutText(origin, 200), "remote", conn.RemoteAddr().String())
		})
		return true
	}}
}
