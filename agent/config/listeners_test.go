package config

import "testing"

func TestNearURL(t *testing.T) {
	t.Parallel()
	for want, m := range map[string]MQTT{
		"tls://broker:8883":        {URL: "tls://broker:8883"},
		"tcp://127.0.0.1:1883":     {Embedded: &Embedded{Listen: "127.0.0.1:1883"}},
		"tcp://127.0.0.1:1884":     {Embedded: &Embedded{Listen: ":1884"}},
		"tls://127.0.0.1:8883":     {Embedded: &Embedded{Listen: "0.0.0.0:8883", CertFile: "cert.pem"}},
		"tls://127.0.0.1:8884":     {Embedded: &Embedded{Listen: "[::]:8884", CertFile: "cert.pem"}},
		"tcp://[::1]:1883":         {Embedded: &Embedded{Listen: "[::1]:1883"}},
		"tcp://192.168.1.10:1883":  {Embedded: &Embedded{Listen: "192.168.1.10:1883"}},
		"tcp://shop.example:18830": {Embedded: &Embedded{Listen: "shop.example:18830"}},
	} {
		if got := m.NearURL(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
