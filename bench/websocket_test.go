package bench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// frames is the least of a WebSocket client: what is written goes out as one binary message, under a mask of zeros, which
// changes nothing.
type frames struct {
	net.Conn
	in   *bufio.Reader
	left int // of the frame that is being read
	out  []byte
}

const openWebSocket = "GET /mqtt HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n"

// connectWeb is connect over a WebSocket.
func connectWeb(tb testing.TB, addr, id string) *till {
	tb.Helper()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.WriteString(conn, openWebSocket); err != nil {
		tb.Fatal(err)
	}
	f := &frames{Conn: conn, in: bufio.NewReader(conn)}
	response, err := http.ReadResponse(f.in, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols {
		tb.Fatalf("open a WebSocket: %v, %+v", err, response)
	}
	_ = response.Body.Close()
	return greet(tb, f, id)
}

func (f *frames) Write(b []byte) (int, error) {
	const binaryFrame, masked = 0x82, 0x80
	f.out = append(f.out[:0], binaryFrame)
	switch n := len(b); {
	case n < 126:
		f.out = append(f.out, byte(n)|masked)
	case n < 1<<16:
		f.out = binary.BigEndian.AppendUint16(append(f.out, 126|masked), uint16(n))
	default:
		f.out = binary.BigEndian.AppendUint64(append(f.out, 127|masked), uint64(n))
	}
	f.out = append(append(f.out, 0, 0, 0, 0), b...)
	if _, err := f.Conn.Write(f.out); err != nil {
		return 0, err
	}
	return len(b), nil
}

func (f *frames) Read(b []byte) (int, error) {
	for f.left == 0 {
		var head [10]byte
		if _, err := io.ReadFull(f.in, head[:2]); err != nil {
			return 0, err
		}
		f.left = int(head[1])
		if more := map[int]int{126: 2, 127: 8}[f.left]; more > 0 {
			if _, err := io.ReadFull(f.in, head[10-more:]); err != nil {
				return 0, err
			}
			clear(head[2 : 10-more])
			f.left = int(binary.BigEndian.Uint64(head[2:]))
		}
	}
	n, err := f.in.Read(b[:min(len(b), f.left)])
	f.left -= n
	return n, err
}

// BenchmarkWebSockets counts durable accepts at the embedded broker over TCP and over WebSockets, which take turns in blocks so
// that both see the same machine; ratio is of the second to the first. Run it with a -benchtime in orders.
func BenchmarkWebSockets(b *testing.B) {
	for _, tills := range []int{1, 8, 64} {
		b.Run(strconv.Itoa(tills), func(b *testing.B) {
			s := &shop{broker: brokerEmbedded}
			s.run(b)
			ways := []string{"tcp", "websockets"}
			clients := map[string][]*till{}
			for i := range tills {
				clients["tcp"] = append(clients["tcp"], connect(b, s.addr, "bench-tcp-"+strconv.Itoa(i)))
				clients["websockets"] = append(clients["websockets"], connectWeb(b, s.web, "bench-web-"+strconv.Itoa(i)))
			}
			var sent atomic.Int64
			took := map[string]time.Duration{}
			block := func(way string, orders int) {
				var wg sync.WaitGroup
				end, start := sent.Load()+int64(orders), time.Now()
				for t, c := range clients[way] {
					wg.Go(func() {
						for i := sent.Add(1); i <= end; i = sent.Add(1) {
							if err := c.publish(orderTopic(terminal(t%8)), request(fmt.Sprintf("web-%d", i))); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				took[way] += time.Since(start)
				sent.Store(end)
			}
			for _, way := range ways {
				block(way, 2*tills) // schemas are compiled, lanes are there
			}
			clear(took)
			b.ResetTimer()
			const each = 10 // orders of each till in a block
			blocks := max(b.N/(2*each*tills), 1)
			for i := range 2 * blocks {
				block(ways[i%2], each*tills)
			}
			orders := float64(blocks * each * tills)
			b.ReportMetric(0, "ns/op")
			for _, way := range ways {
				b.ReportMetric(orders/took[way].Seconds(), way+"-accepts/s")
			}
			b.ReportMetric(took["tcp"].Seconds()/took["websockets"].Seconds(), "ratio")
		})
	}
}

// BenchmarkTills is what 1,000 connected tills cost the real binary in memory (RssAnon), each subscribed to the statuses of its
// terminal, to the rejects and to the agent. Run it with -benchtime 1x.
func BenchmarkTills(b *testing.B) {
	const tills = 1000
	for _, way := range []string{"tcp", "websockets"} {
		b.Run(way, func(b *testing.B) {
			for b.Loop() {
				s := &shop{broker: brokerEmbedded, api: startAPI(b).addr}
				p := s.start(b)
				s.awaitOnline(b)
				settled(b, p)
				before := figure(b, p.PID(), "RssAnon")
				for i := range tills {
					dial, addr := connect, s.addr
					if way == "websockets" {
						dial, addr = connectWeb, s.web
					}
					c := dial(b, addr, "bench-till-"+strconv.Itoa(i))
					for _, filter := range []string{"tillpost/rejects", "tillpost/terminals/" + terminal(i) + "/status/+", "tillpost/agent"} {
						if err := c.subscribe(filter); err != nil {
							b.Fatal(err)
						}
					}
					go c.messages(func(string, []byte) {})
				}
				settled(b, p)
				b.ReportMetric(0, "ns/op")
				b.ReportMetric((figure(b, p.PID(), "RssAnon")-before)/1024, "tills-MB")
				p.Stop()
			}
		})
	}
}
