package agent

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"tillpost/agent/config"
)

// A secret that is missing or open to others stops the start, before anything is opened.
func TestStartRefusesBadSecrets(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	for _, tc := range []struct {
		name, env string
		api, rest string // of the configuration; SECRET is a file of that mode
		mode      os.FileMode
		want      string // "" where it may start
	}{
		{name: "no token", want: "read the API token: no API token: set api.token_file, "},
		{name: "a token in the environment", env: "t0ken"},
		{name: "two words", env: "t0 ken", want: "TILLPOST_API_TOKEN holds more than one word"},
		{name: "a token file", api: `token_file = "SECRET"`, mode: 0o640},
		{name: "an open token file", env: "other", api: `token_file = "SECRET"`, mode: 0o644, want: "api.token_file: read the API token: SECRET has mode 0644: everyone on this machine can read it; mend it with: chmod"},
		{name: "a token file for a group to write", api: `token_file = "SECRET"`, mode: 0o660, want: "api.token_file: read the API token: SECRET has mode 0660: others"},
		{name: "no such token file", env: "other", api: `token_file = "none"`, want: "none: no such file or directory; put it there, or correct the key"},
		{name: "a password", env: "t", rest: "[mqtt]\nurl = \"tcp://b\"\nusername = \"a\"\npassword_file = \"SECRET\"", mode: 0o600},
		{name: "an open password", env: "t", rest: "[mqtt]\nurl = \"tcp://b\"\nusername = \"a\"\npassword_file = \"SECRET\"", mode: 0o604, want: "mqtt.password_file: SECRET has mode 0604"},
		{name: "an open key", env: "t", rest: "[mqtt]\nurl = \"tls://b\"\ncert_file = \"c\"\nkey_file = \"SECRET\"", mode: 0o644, want: "mqtt.key_file: SECRET has mode 0644"},
		{name: "the broker's open key", env: "t", rest: "[mqtt.embedded]\ncert_file = \"c\"\nkey_file = \"SECRET\"", mode: 0o620, want: "mqtt.embedded.key_file: SECRET has mode 0620"},
		{name: "open users", env: "t", rest: "[mqtt.embedded]\nusers_file = \"SECRET\"", mode: 0o644, want: "mqtt.embedded.users_file: SECRET has mode 0644"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("TILLPOST_API_TOKEN", tc.env)
			file := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(file, []byte("s3cret"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(file, tc.mode); err != nil {
				t.Fatal(err)
			}
			text := "[api]\nbase_url = \"https://a\"\norganization_uuid = \"O\"\n" + tc.api + "\n" + tc.rest
			cfg, err := config.Parse(filepath.Join(t.TempDir(), "t.toml"), []byte(strings.ReplaceAll(text, "SECRET", file)))
			if err != nil {
				t.Fatal(err)
			}
			err = checkSecrets(cfg)
			switch want := strings.ReplaceAll(tc.want, "SECRET", file); {
			case err == nil:
				if want != "" {
					t.Error("it starts")
				}
			case want == "", !strings.Contains(err.Error(), want), strings.Contains(err.Error(), "s3cret"), strings.Contains(err.Error(), "\n"):
				t.Errorf("refused with %v, want %q", err, want)
			}
		})
	}
}
