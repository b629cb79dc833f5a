package check

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestSecrets(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t, noon.Add(90*24*time.Hour))
	soon, soonKey := certificate(t, noon.Add(20*24*time.Hour+time.Hour))
	ended, endedKey := certificate(t, noon.Add(-time.Hour))
	open := writeFile(t, "open", "s3cret word", 0o644)
	closed := writeFile(t, "closed", "s3cret", 0o600)
	openKey := func() string { _, k := certificate(t, noon); return k }()
	for name, tc := range map[string]struct {
		lines string
		want  []string
	}{
		"nothing to guard": {"", []string{"ok secrets the files that the configuration names"}},
		"all good": {fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\nusername = \"a\"\npassword_file = %q\ncert_file = %q\nkey_file = %q\nca_file = %q", closed, cert, key, cert),
			[]string{"ok secrets"}},
		"open password": {fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\nusername = \"a\"\npassword_file = %q", open),
			[]string{"FAIL secrets mqtt.password_file…everyone on this machine can read it…chmod"}},
		"no users": {"[mqtt.embedded]\nlisten = \"0.0.0.0:1883\"\nusers_file = \"none\"", []string{"FAIL secrets mqtt.embedded.users_file"}},
		"wrong users": {fmt.Sprintf("[mqtt.embedded]\nusers_file = %q", writeFile(t, "users", "[users.till-1]\npassword = \"s3cret\"\nrole = \"till\"\n", 0o600)),
			[]string{"FAIL secrets mqtt.embedded.users_file…user till-1…correct it"}},
		"users": {fmt.Sprintf("[mqtt.embedded]\nusers_file = %q", writeFile(t, "users",
			"[roles.till]\npublish = [\"orders\"]\n[users.till-1]\npassword = \"$2a$04$4PQBKQLMkvFCDlhPIBOTl.rvqeQ5sDqEd59opihwm0Y0fEyRbA1GC\"\nrole = \"till\"\nterminals = [\"*\"]\n", 0o600)), []string{"ok secrets"}},
		"soon":  {fmt.Sprintf("[mqtt.embedded]\ncert_file = %q\nkey_file = %q", soon, soonKey), []string{"warn secrets mqtt.embedded.cert_file…ends on 10 December 2026, in 20 days…renew"}},
		"ended": {fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\ncert_file = %q\nkey_file = %q", ended, endedKey), []string{"FAIL secrets mqtt.cert_file…ended on 20 November 2026"}},
		"strangers": {fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\ncert_file = %q\nkey_file = %q", cert, openKey),
			[]string{"FAIL secrets mqtt.cert_file…belong together"}},
		"an open key": {fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\ncert_file = %q\nkey_file = %q", cert, opened(t, key)),
			[]string{"FAIL secrets mqtt.cert_file: the key is not well guarded…mode 0644"}},
		"a key as authority": {fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\nca_file = %q", key), []string{"FAIL secrets mqtt.ca_file…holds a PRIVATE KEY"}},
		"no authority":       {fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\nca_file = %q", closed), []string{"FAIL secrets mqtt.ca_file…no certificate"}},
		"web users":          {fmt.Sprintf("[http]\nweb_config_file = %q", writeFile(t, "web.yml", "basic_auth_users: s3cret-word\n", 0o600)), []string{"FAIL secrets http.web_config_file…line 1…correct the file"}},
		"web config":         {fmt.Sprintf("[http]\nweb_config_file = %q", closed), []string{"FAIL secrets http.web_config_file…correct the file"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newChecker(t, tc.lines)
			c.machine.now = func() time.Time { return noon }
			got := c.secrets()
			want(t, got, tc.want...)
			if strings.Contains(lines(got), "s3cret") {
				t.Error("a secret is told")
			}
		})
	}
}

func TestSecretThatOnlyRootCanRead(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "password", "word", 0o600)
	c := newChecker(t, fmt.Sprintf("[mqtt]\nurl = \"tls://b\"\nusername = \"a\"\npassword_file = %q", file))
	c.machine.service = func() (account, bool) { return account{name: "till", uid: 54321}, true }
	want(t, c.secrets(), "warn secrets mqtt.password_file: the user till can't read…chown till "+file)
}

// opened copies a key to where everyone can read it.
func opened(t *testing.T, key string) string {
	t.Helper()
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	return writeFile(t, "open.pem", string(text), 0o644)
}
