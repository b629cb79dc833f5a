package check

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"tillpost/internal/certtest"
	"tillpost/internal/proctest"
	"tillpost/mqtt/mqtttest"
)

// A broker that speaks TLS where mqtt.url says tcp://, or the reverse, is reported as that, with what to write.
func TestBrokerOfTheOtherScheme(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, time.Now().Add(90*24*time.Hour))
	secure := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: "allow_anonymous true\ncertfile " + cert + "\nkeyfile " + key})
	want(t, brokerChecker(t, "tcp://"+secure.Addr).broker(t.Context()).findings, `FAIL broker `+secure.Addr+` speaks TLS, and mqtt.url begins with tcp://; write mqtt.url = "tls://`+secure.Addr+`"`)

	mutual := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: "allow_anonymous true\nrequire_certificate true\ncafile " + cert + "\ncertfile " + cert + "\nkeyfile " + key})
	want(t, brokerChecker(t, "tcp://"+mutual.Addr).broker(t.Context()).findings, `FAIL broker `+mutual.Addr+` speaks TLS`)

	plain := mqtttest.StartMosquitto(t, mqtttest.MosquittoOptions{Listener: "allow_anonymous false"})
	want(t, brokerChecker(t, "tls://"+plain.Addr).broker(t.Context()).findings, `FAIL broker `+plain.Addr+` speaks MQTT without TLS…8883…"tcp://`+plain.Addr+`"`)

	silent := serve(t, func(conn net.Conn) {
		_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		_, _ = conn.Read(make([]byte, 1000))
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
	})
	want(t, brokerChecker(t, "tls://127.0.0.1:"+silent).broker(t.Context()).findings, "FAIL broker what answers at 127.0.0.1 does not speak TLS")
	want(t, brokerChecker(t, "tcp://127.0.0.1:"+silent).broker(t.Context()).findings, "FAIL broker 127.0.0.1:"+silent)
}

// A certificate that has its holder's name only as its subject is good for nobody.
func TestCertificateWithoutSubjectAltName(t *testing.T) {
	t.Parallel()
	nameless := certtest.New(t, certtest.Options{Nameless: true, From: time.Now().Add(-time.Hour), To: time.Now().Add(90 * 24 * time.Hour)})
	cert, key := nameless.CertFile, nameless.KeyFile
	roots, err := readRoots(cert)
	if err != nil || roots == nil {
		t.Fatal(err)
	}
	port := serveTLS(t, cert, key)
	want(t, brokerChecker(t, "tls://127.0.0.1:"+port, fmt.Sprintf("ca_file = %q", cert)).broker(t.Context()).findings,
		"FAIL broker TLS with 127.0.0.1: its certificate has no subjectAltName…make one…-addext subjectAltName=IP:127.0.0.1")
	if told := withName("till.shop.example"); !strings.Contains(told, "-addext subjectAltName=DNS:till.shop.example ") {
		t.Errorf("of a name it says %q", told)
	}
	want(t, newChecker(t, fmt.Sprintf("[mqtt.embedded]\ncert_file = %q\nkey_file = %q", cert, key)).secrets(),
		"warn secrets mqtt.embedded.cert_file…no subjectAltName…make one that has it: openssl req")
	want(t, newChecker(t, fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\ncert_file = %q\nkey_file = %q", cert, key)).secrets(), "ok secrets")
}

// A key with a passphrase is reported as such, in the old form of PEM and in the new one.
func TestKeyWithPassphrase(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, time.Now().Add(90*24*time.Hour))
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		proctest.Lacks(t, "openssl is not installed: apt install openssl")
	}
	for _, args := range [][]string{{"pkcs8", "-topk8"}, {"ec", "-aes128"}} {
		locked := writeFile(t, "locked.pem", "", 0o600)
		command := exec.CommandContext(t.Context(), openssl, append(args, "-in", key, "-out", locked, "-passout", "pass:s3cret")...)
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if err := os.Chmod(locked, 0o600); err != nil {
			t.Fatal(err)
		}
		want(t, newChecker(t, fmt.Sprintf("[mqtt.embedded]\ncert_file = %q\nkey_file = %q", cert, locked)).secrets(),
			"FAIL secrets mqtt.embedded.cert_file: the key "+locked+" has a passphrase…take it out (openssl pkey -in "+locked)
	}
}
