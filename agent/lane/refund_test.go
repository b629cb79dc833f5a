package lane

import (
	"context"
	"net"
	"testing"
	"testing/synctest"

	"tillpost/agent/gateway"
	"tillpost/api"
	"tillpost/internal/notify"
	"tillpost/outbox"
	"tillpost/outbox/bolt"
	"tillpost/outbox/outboxtest"
)

// A refund that can't be forwarded needs no connection: the one that was dialled for it is let go.
func TestARefundThatCannotBeForwardedLeavesNoConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		far := make(chan net.Conn, 1)
		client, err := api.New(api.Options{
			BaseURL: "http://127.0.0.1:1", Token: func() (string, error) { return "t", nil },
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				near, peer := net.Pipe()
				far <- peer
				return near, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := client.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g := gateway.New(gateway.Options{API: client, Store: outboxtest.NewMem(bolt.Options{})})
		defer g.Close()
		l := &lane{
			Lanes: &Lanes{o: Options{Gateway: g}}, terminal: "TRML1000000001", wake: notify.NewSignal(), requests: map[uint64]*inflight{},
		}
		l.keepConn(dialledConn(conn))
		stored := outbox.Request{Seq: 1, Kind: outbox.KindRefund, Body: []byte(`{"products":"none"}`), Refund: &outbox.Refund{}}
		refunds{}.submit(l, stored)
		synctest.Wait()
		select {
		case <-conn.Gone():
		default:
			t.Error("the connection is left open")
		}
		if kept := l.takeConn(); kept != nil || len(l.inbox) != 1 {
			t.Errorf("the lane keeps %v, and was told of %d refusals", kept, len(l.inbox))
		}
		_ = conn.Close()
		_ = (<-far).Close()
	})
}
