package bundle

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func collected() Bundle {
	return Collect("1.0.0", time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), []string{"hidden-token", "a \"quoted\" name", "abc", ""}, []Source{
		{Name: "one.txt", About: "a text", Read: func() ([]byte, error) { return []byte("hidden-token and again hidden-token, abc\n"), nil }},
		{Name: "two.json", About: "an object", Read: func() ([]byte, error) { return json.Marshal(map[string]string{"x": `a "quoted" name`}) }},
		{Name: "three.txt", About: "what is not there", Read: func() ([]byte, error) { return nil, errors.New("hidden-token is wrong") }},
	})
}

// TestWhatIsFoundIsBlanked: a second guard, behind the list of what goes in.
func TestWhatIsFoundIsBlanked(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "bundle.tar.gz")
	if err := collected().Write(path); err != nil {
		t.Fatal(err)
	}
	if err := collected().Write(path); err == nil || !strings.Contains(err.Error(), "--output") {
		t.Errorf("it is overwritten: %v", err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	r, all, names := tar.NewReader(unzipped), "", []string{}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		names, all = append(names, h.Name), all+string(text)
	}
	if strings.Join(names, " ") != "manifest.json one.txt two.json" {
		t.Errorf("it holds %q", names)
	}
	if strings.Contains(all, "hidden") || strings.Contains(all, "quoted") || !strings.Contains(all, "abc") {
		t.Error("something is not blanked, or too much is")
	}
	for _, want := range []string{`"blanked": 2`, `"what": "three.txt"`, `"why": "[left out] is wrong"`} {
		if !strings.Contains(all, want) {
			t.Errorf("the manifest lacks %s", want)
		}
	}
}
