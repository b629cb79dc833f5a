// Package bundle packs what a developer needs to see of an installation into one file: what a list allows, nothing else,
// and neither a secret nor personal data.
package bundle

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// Source is one member that a bundle may have.
type Source struct {
	Name string
	// About says what is in it, in one line.
	About string
	// Read returns its content; an error says why it is left out.
	Read func() ([]byte, error)
}

// Member is one that a bundle has.
type Member struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"`
	About string `json:"about"`
	// Blanked counts the places where a secret or personal data was found and blanked.
	Blanked int `json:"blanked,omitempty"`
	data    []byte
}

// Omission is what was left out of a bundle, and why.
type Omission struct {
	What string `json:"what"`
	Why  string `json:"why"`
}

// Bundle is the collected members, and what was left out.
type Bundle struct {
	Created time.Time  `json:"created"`
	Version string     `json:"version"`
	Members []Member   `json:"members"`
	LeftOut []Omission `json:"leftOut"`
}

// never is what no bundle has.
var never = []Omission{
	{"the API's token, passwords, their hashes, private keys", "they are secrets"},
	{"order_defaults.customerDetails, and what tills asked to forward", "it is personal data: names, phones, mails, addresses"},
	{"the names of the staff who settled requests", "they are personal data"},
	{"mqtt.username and callback.public_url", "they may lead to secrets; the configuration only says whether they are set"},
	{"the environment and the unit's drop-ins", "a token may be in them"},
}

// Collect reads every source. What is one of the secrets, texts of at least four characters, is blanked wherever it
// stands.
func Collect(version string, now time.Time, secrets []string, sources []Source) Bundle {
	b := Bundle{Created: now.UTC().Truncate(time.Second), Version: version, LeftOut: slices.Clone(never)}
	for _, s := range sources {
		data, err := s.Read()
		if err != nil {
			why, _ := blank([]byte(err.Error()), secrets)
			b.LeftOut = append(b.LeftOut, Omission{s.Name, string(why)})
			continue
		}
		data, n := blank(data, secrets)
		b.Members = append(b.Members, Member{Name: s.Name, Bytes: len(data), About: s.About, Blanked: n, data: data})
	}
	return b
}

// blank replaces the secrets in a text, the longest first, and counts them.
func blank(data []byte, secrets []string) ([]byte, int) {
	secrets = slices.Clone(secrets)
	slices.SortFunc(secrets, func(a, b string) int { return len(b) - len(a) })
	n := 0
	for _, s := range secrets {
		if len(s) < 4 {
			continue
		}
		forms := []string{s}
		if text, err := json.Marshal(s); err == nil && string(text) != `"`+s+`"` {
			forms = append(forms, strings.Trim(string(text), `"`))
		}
		for _, form := range forms {
			n += bytes.Count(data, []byte(form))
			data = bytes.ReplaceAll(data, []byte(form), []byte("[left out]"))
		}
	}
	return data, n
}

// List writes what the bundle holds, and what it does not, for a person.
func (b Bundle) List(w io.Writer) error {
	var text strings.Builder
	for _, m := range b.Members {
		fmt.Fprintf(&text, "%s\t%d\t%s\n", m.Name, m.Bytes, m.About)
	}
	for _, o := range b.LeftOut {
		fmt.Fprintf(&text, "left out\t%s\t%s\n", o.What, o.Why)
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// Write writes the bundle to a new file that only its owner can read. Its first member is its table of contents.
func (b Bundle) Write(path string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already; name another file with --output", path)
	}
	if err != nil {
		return fmt.Errorf("write the bundle: %w; name a file in a folder that you may write, with --output", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = errors.Join(fmt.Errorf("write the bundle: %w", err), os.Remove(path))
		}
	}()
	manifest, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return err
	}
	zipped := gzip.NewWriter(f)
	packed := tar.NewWriter(zipped)
	for _, m := range append([]Member{{Name: "manifest.json", data: append(manifest, '\n')}}, b.Members...) {
		h := &tar.Header{Name: m.Name, Mode: 0o600, Size: int64(len(m.data)), ModTime: b.Created, Format: tar.FormatPAX}
		if err := packed.WriteHeader(h); err != nil {
			return err
		}
		if _, err := packed.Write(m.data); err != nil {
			return err
		}
	}
	return errors.Join(packed.Close(), zipped.Close())
}
