package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unicode"
)

// ErrNoToken is the error of a token reader that has no place to read from.
var ErrNoToken = errors.New("no API token: set api.token_file, or give the service the credential api-token, or set TILLPOST_API_TOKEN")

// maxSecret bounds a secret file; a certificate's key has a few KiB.
const maxSecret = 64 << 10

// Token reads the API's token, anew at each call, so that a changed one is found without a restart: from the file
// api.token_file, else from api-token in systemd's $CREDENTIALS_DIRECTORY, else from $TILLPOST_API_TOKEN; [ErrNoToken] if
// there is none of them. A file that is named but can't be used is an error, not a reason to try the next source. The
// token has no surrounding white space and is fit for a header; errors never contain it.
func (c *Config) Token() (string, error) {
	token, err := readToken(c.API.TokenFile)
	if err != nil {
		return "", fmt.Errorf("read the API token: %w", err)
	}
	return token, nil
}

func readToken(file string) (string, error) {
	if file == "" {
		file = credential("api-token")
	}
	source, token := "TILLPOST_API_TOKEN", strings.TrimSpace(os.Getenv("TILLPOST_API_TOKEN"))
	if file != "" {
		secret, err := ReadSecretFile(file)
		if err != nil {
			return "", err
		}
		source, token = file, secret
	}
	switch {
	case token == "":
		return "", ErrNoToken
	case !FitForHeader(token):
		return "", fmt.Errorf("%s holds more than one word of plain characters; it must hold the token alone", source)
	}
	return token, nil
}

// credential returns the path of a systemd credential, "" if there is none of that name.
func credential(name string) string {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	if folder == "" {
		return ""
	}
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return path
}

// FitForHeader reports whether a token is one word of plain characters.
func FitForHeader(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool { return r > unicode.MaxASCII || r <= ' ' || r == 0x7f })
}

// ReadSecretFile returns what a secret file holds, without surrounding white space. It refuses an empty file, one over
// 64 KiB, what is not a regular file (a symbolic link to one is fine), and one that everyone can read or that others
// than its owner can write; the last two not on Windows, whose modes say nothing, and not in $CREDENTIALS_DIRECTORY,
// which systemd guards. The errors never contain the secret.
func ReadSecretFile(path string) (string, error) {
	// Opening a named pipe would wait for its writer.
	if info, err := os.Stat(path); err != nil {
		return "", err
	} else if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read from
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if err := checkMode(path, info.Mode()); err != nil {
		return "", err
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", err
	}
	if len(data) > maxSecret {
		return "", fmt.Errorf("%s has more than %d KiB: it is no secret file", path, maxSecret>>10)
	}
	secret := strings.TrimSpace(strings.TrimPrefix(string(data), "\ufeff"))
	if secret == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return secret, nil
}

func checkMode(path string, mode os.FileMode) error {
	const worldRead, othersWrite = 0o004, 0o022
	if runtime.GOOS == "windows" || inCredentials(path) {
		return nil
	}
	if mode&(worldRead|othersWrite) == 0 {
		return nil
	}
	problem := "others than its owner can write it"
	if mode&worldRead != 0 {
		problem = "everyone on this machine can read it"
	}
	return fmt.Errorf("%s has mode %#o: %s; mend it with: chmod g-w,o-rwx %s", path, mode.Perm(), problem, path)
}

func inCredentials(path string) bool {
	folder := os.Getenv("CREDENTIALS_DIRECTORY")
	if folder == "" {
		return false
	}
	inside, err := filepath.Rel(filepath.Clean(folder), filepath.Clean(path))
	return err == nil && filepath.IsLocal(inside)
}

// PasswordReader returns what reads the broker password anew at each call, as its file may have changed; nil where no
// password_file is configured. Errors hold no password.
func (c *Config) PasswordReader() func() (string, error) {
	if c.MQTT.PasswordFile == "" {
		return nil
	}
	return func() (string, error) { return ReadSecretFile(c.MQTT.PasswordFile) }
}
