package agent_test

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"tillpost/internal/proctest"
)

// TestEmbeddedRefusal: a till of MQTT 5 hears in the acknowledgement why its request was refused, one of 3.1.1 that it
// need not come again.
func TestEmbeddedRefusal(t *testing.T) {
	t.Parallel()
	s := startEmbedded(t)
	for _, tt := range []struct{ topic, payload, code string }{
		{"tillpost/terminals/" + oslo + "/orders", `{"requestId":"r1"}`, "invalidRequest"},
		{"tillpost/terminals/" + oslo + "/orders", `{`, "notJSON"},
		{"tillpost/terminals/" + oslo + "/sales", `{}`, "unknownKind"},
		{"tillpost/terminals/" + oslo + "/cancels", `{"requestId":"r2","target":"never"}`, "unknownTarget"},
		{"tillpost/terminals/" + oslo + "/orders", strings.Repeat(" ", 65<<10), "tooLarge"},
	} {
		for version, want := range map[byte]string{4: "", 5: tt.code} {
			ack := publishRaw(t, strings.TrimPrefix(s.url, "tcp://"), version, tt.topic, tt.payload)
			if version == 4 && !bytes.Equal(ack, []byte{0x40, 2, 0, 7}) {
				t.Errorf("%s, 3.1.1: %x", tt.code, ack)
			}
			// Reason code 0x83, the reason in words, and its code as a property of its own.
			if version == 5 && (len(ack) < 5 || ack[0] != 0x40 || !bytes.Contains(ack, []byte(want+": ")) || !bytes.Contains(ack, append([]byte("\x00\x04code\x00"), append([]byte{byte(len(want))}, want...)...))) {
				t.Errorf("%s, MQTT 5: %q", tt.code, ack)
			}
		}
	}
}

// publishRaw connects, publishes with QoS 1, and returns the packet that answers.
func publishRaw(t *testing.T, addr string, version byte, topic, payload string) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(proctest.Patience)) // an error shows at the read
	var properties []byte
	if version == 5 {
		properties = []byte{0}
	}
	hello := append([]byte("\x00\x04MQTT"), version, 2, 0, 60)
	hello = append(append(hello, properties...), 0, 1, 'x')
	packet := binary.BigEndian.AppendUint16(nil, uint16(len(topic)))
	packet = append(append(packet, topic...), 0, 7)
	packet = append(append(packet, properties...), payload...)
	said := append([]byte{0x10}, binary.AppendUvarint(nil, uint64(len(hello)))...)
	said = append(append(said, hello...), 0x32)
	said = append(binary.AppendUvarint(said, uint64(len(packet))), packet...)
	if _, err := conn.Write(said); err != nil {
		t.Fatal(err)
	}
	var answer []byte
	for range 2 {
		answer = make([]byte, 2, 2000)
		if _, err := io.ReadFull(conn, answer[:2]); err != nil {
			t.Fatal(err)
		}
		length := uint64(answer[1])
		if answer[1]&0x80 != 0 {
			var more [1]byte
			if _, err := io.ReadFull(conn, more[:]); err != nil {
				t.Fatal(err)
			}
			length = length&0x7f | uint64(more[0])<<7
			answer = append(answer, more[0])
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(conn, body); err != nil {
			t.Fatal(err)
		}
		answer = append(answer, body...)
	}
	return answer
}
