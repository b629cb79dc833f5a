package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func secretFile(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // past the umask
		t.Fatal(err)
	}
	return path
}

func TestReadSecretFile(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	for _, tc := range []struct {
		name, text string
		mode       os.FileMode
		want, err  string // PATH stands for the file's path
	}{
		{"owner only", "s3cret\n", 0o600, "s3cret", ""},
		{"group reads", " s3cret\r\n", 0o640, "s3cret", ""},
		{"byte order mark", "\ufeffs3cret", 0o400, "s3cret", ""},
		{"several lines", "-----BEGIN\nMII\n-----END\n", 0o600, "-----BEGIN\nMII\n-----END", ""},
		{"world reads", "s3cret", 0o604, "", "PATH has mode 0604: everyone on this machine can read it; mend it with: chmod g-w,o-rwx PATH"},
		{"group writes", "s3cret", 0o660, "", "PATH has mode 0660: others than its owner can write it; mend it with: chmod g-w,o-rwx PATH"},
		{"world writes", "s3cret", 0o602, "", "PATH has mode 0602: others than its owner can write it; mend it with: chmod g-w,o-rwx PATH"},
		{"empty", " \n", 0o600, "", "PATH is empty"},
		{"large", strings.Repeat("x", maxSecret+1), 0o600, "", "PATH has more than 64 KiB: it is no secret file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && strings.Contains(tc.err, "mode") {
				t.Skip("Windows has no such modes")
			}
			path := secretFile(t, "secret", tc.text, tc.mode)
			got, err := ReadSecretFile(path)
			if got != tc.want || errText(err) != strings.ReplaceAll(tc.err, "PATH", path) {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestReadSecretFileThatIsNone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if _, err := ReadSecretFile(folder); errText(err) != folder+" is not a regular file" {
		t.Errorf("of a folder: %v", err)
	}
	if _, err := ReadSecretFile(filepath.Join(folder, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("of nothing: %v", err)
	}
}

// systemd guards its credentials itself, and shows them with modes of its own.
func TestCredentialsNeedNoMode(t *testing.T) {
	path := secretFile(t, "api-token", "s3cret", 0o666)
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(path))
	if got, err := ReadSecretFile(path); got != "s3cret" || err != nil {
		t.Errorf("in the folder: got %q, %v", got, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	beside := secretFile(t, "api-token", "s3cret", 0o666)
	if _, err := ReadSecretFile(beside); err == nil {
		t.Error("outside the folder: no error")
	}
}

func TestToken(t *testing.T) {
	credentials := secretFile(t, "api-token", "of-the-credential\n", 0o400)
	file := secretFile(t, "token", "of-the-file\n", 0o600)
	none := filepath.Join(t.TempDir(), "none")
	for _, tc := range []struct {
		name, file, credentials, env string
		want, err                    string
	}{
		{"file first", file, filepath.Dir(credentials), "of-the-environment", "of-the-file", ""},
		{"then the credential", "", filepath.Dir(credentials), "of-the-environment", "of-the-credential", ""},
		{"then the environment", "", filepath.Dir(none), " of-the-environment\n", "of-the-environment", ""},
		{"no credentials", "", "", "of-the-environment", "of-the-environment", ""},
		{"nothing", "", "", "", "", "read the API token: " + ErrNoToken.Error()},
		{"a named file that is not there", none, "", "of-the-environment", "", "read the API token: stat " + none + ": no such file or directory"},
		{"not for a header", "", "", "to ken", "",
			"read the API token: TILLPOST_API_TOKEN holds more than one word of plain characters; it must hold the token alone"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv("CREDENTIALS_DIRECTORY", tc.credentials)
			t.Setenv("TILLPOST_API_TOKEN", tc.env)
			c := &Config{API: API{TokenFile: tc.file}}
			got, err := c.Token()
			if got != tc.want || errText(err) != tc.err {
				t.Errorf("got %q, %v", got, err)
			}
			if tc.name == "nothing" && !errors.Is(err, ErrNoToken) {
				t.Error("the error is not ErrNoToken")
			}
		})
	}
}

func TestTokenIsReadAnew(t *testing.T) {
	t.Parallel()
	file := secretFile(t, "token", "first", 0o600)
	read := (&Config{API: API{TokenFile: file}}).Token
	for _, want := range []string{"first", "second"} {
		if err := os.WriteFile(file, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := read(); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if err := os.WriteFile(file, []byte("two tokens"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := read(); got != "two tokens" && (err == nil || strings.Contains(err.Error(), "two tokens")) {
		t.Errorf("got %q, %v", got, err)
	}
}
