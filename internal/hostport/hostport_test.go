package hostport

import "testing"

func TestWhoReachesAnAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		host, address         string
		loopback, unspecified bool
		near                  string
	}{
		{"127.0.0.1", "127.0.0.1:1", true, false, "127.0.0.1:1"},
		{"127.9.9.9", "127.9.9.9:1", true, false, "127.9.9.9:1"},
		{"::1", "[::1]:1", true, false, "[::1]:1"},
		{"::ffff:127.0.0.1", "[::ffff:127.0.0.1]:1", true, false, "[::ffff:127.0.0.1]:1"},
		{"localhost", "localhost:1", true, false, "localhost:1"},
		{"LocalHost", "LocalHost:1", true, false, "LocalHost:1"},
		{"", ":1", false, true, "127.0.0.1:1"},
		{"0.0.0.0", "0.0.0.0:1", false, true, "127.0.0.1:1"},
		{"::", "[::]:1", false, true, "127.0.0.1:1"},
		{"::ffff:0.0.0.0", "[::ffff:0.0.0.0]:1", false, true, "127.0.0.1:1"},
		{"10.0.0.1", "10.0.0.1:1", false, false, "10.0.0.1:1"},
		{"example.com", "example.com:1", false, false, "example.com:1"},
		{"127.0.0.1.example.com", "127.0.0.1.example.com:1", false, false, "127.0.0.1.example.com:1"},
	} {
		if Loopback(tt.host) != tt.loopback || BeyondLoopback(tt.address) == tt.loopback || Unspecified(tt.host) != tt.unspecified {
			t.Errorf("%q: loopback %t, beyond %t, unspecified %t", tt.host, Loopback(tt.host), BeyondLoopback(tt.address), Unspecified(tt.host))
		}
		if near, err := Near(tt.address); near != tt.near || err != nil {
			t.Errorf("%q is reached at %q, %v", tt.address, near, err)
		}
	}
	if near, err := Near("127.0.0.1"); near != "" || err == nil {
		t.Errorf("no port: %q, %v", near, err)
	}
	if !BeyondLoopback("127.0.0.1") {
		t.Error("what is no address is reached from this machine only")
	}
}
