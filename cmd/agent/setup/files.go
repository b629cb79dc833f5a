package setup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"

	"tillpost/packaging"
)

// ServiceUser is the user that packages make for the service, and its group.
const ServiceUser = "tillpost"

// Fresh returns nil if a configuration may be written to path: there is none, or it is as it was shipped.
func Fresh(path string) error {
	have, err := os.ReadFile(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("read the configuration: %w; run this as a user who may, such as with sudo", err)
	case bytes.Equal(bytes.ReplaceAll(have, []byte("\r\n"), []byte("\n")), packaging.Stub):
		return nil
	}
	return fmt.Errorf("%s is there already, and init overwrites nothing; edit it and run tillpost check, or move it away first", path)
}

// HasToken reports whether there is a token file beside the configuration.
func (p Paths) HasToken() bool {
	_, err := os.Stat(p.in(tokenFile))
	return err == nil
}

// TokenFile returns the path of the token file.
func (p Paths) TokenFile() string { return p.in(tokenFile) }

// Write writes the secrets and then the configuration, and returns the files that are new. What is there already with
// the same content is left as it is; with another content it is an error, and so it stays.
func Write(path string, a Answers, p Paths) (written []string, err error) {
	if err := Fresh(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(p.Folder, 0o750); err != nil {
		return nil, fmt.Errorf("make the folder of the configuration: %w; run this as a user who may, such as with sudo", err)
	}
	files, err := a.secrets(p)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if have, err := os.ReadFile(f.path); err == nil && !bytes.Equal(bytes.TrimSpace(have), bytes.TrimSpace(f.data)) {
			return nil, fmt.Errorf("%s is there already with another content, and init overwrites nothing; move it away first", f.path)
		}
	}
	for _, f := range files {
		if _, err := os.Stat(f.path); err == nil {
			continue
		}
		if err := put(f.path, f.data); err != nil {
			return written, err
		}
		written = append(written, f.path)
	}
	if err := put(path, Render(a, p)); err != nil {
		return written, err
	}
	return append(written, path), nil
}

type file struct {
	path string
	data []byte
}

// secrets returns the files beside the configuration.
func (a Answers) secrets(p Paths) ([]file, error) {
	var files []file
	if a.Token != "" {
		files = append(files, file{p.in(tokenFile), []byte(a.Token + "\n")})
	}
	if _, embedded := a.embeddedAt(); !embedded && a.BrokerUser != "" && a.BrokerPassword != "" {
		files = append(files, file{p.in(passwordFile), []byte(a.BrokerPassword + "\n")})
	}
	if a.TLS {
		cert, key, err := selfSigned(a.Page)
		if err != nil {
			return nil, err
		}
		files = append(files, file{p.in(certFile), cert}, file{p.in(keyFile), key})
	}
	if web := a.webConfig(); web != nil {
		files = append(files, file{p.in(webFile), web})
	}
	return files, nil
}

// put writes a file in one piece, for the service to read and for nobody else.
func put(path string, data []byte) (err error) {
	tmp := path + "." + rand.Text()[:8]
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write %s: %w; run this as a user who may, such as with sudo", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(tmp))
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if gid, ok := serviceGroup(); ok {
		if err := errors.Join(os.Chown(tmp, 0, gid), os.Chmod(tmp, 0o640)); err != nil {
			return err
		}
	}
	return os.Rename(tmp, path)
}

// serviceGroup returns the group of the service's user, where that is there and we may give files to it.
func serviceGroup() (gid int, ok bool) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		return 0, false
	}
	g, err := user.LookupGroup(ServiceUser)
	if err != nil {
		return 0, false
	}
	gid, err = strconv.Atoi(g.Gid)
	return gid, err == nil
}

// PathsFor returns the paths around a configuration. The outbox of the usual configuration has its usual place; another's lies
// beside it.
func PathsFor(path, usual string) (Paths, error) {
	full, err := filepath.Abs(path)
	if err != nil {
		return Paths{}, err
	}
	p := Paths{Folder: filepath.Dir(full)}
	if full != usual {
		p.Outbox = p.in("outbox.db")
	}
	return p, nil
}
