package config

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what the tests saw into testdata")

// Each file of testdata/faults is a configuration and, behind the line "-- want --",
// the whole error that it must give.
func TestFaults(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "faults", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			text, want, found := strings.Cut(string(data), "-- want --\n")
			if !found {
				t.Fatal("the file has no line -- want --")
			}
			_, err = Parse("t.toml", []byte(text))
			if err == nil {
				t.Fatal("no error")
			}
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Errorf("the error is a %T", err)
			}
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(text+"-- want --\n"+got), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%swant\n%s", got, want)
			}
		})
	}
}

// An order's defaults are a customer's data: no fault may repeat a value of them.
func TestFaultsKeepCustomerValuesToThemselves(t *testing.T) {
	t.Parallel()
	_, err := Parse("t.toml", []byte(least+`[order_defaults.customerDetails]
type = "SECRET1"
name = ["SECRET2"]
countryCode = "SECRET3"
msisdn = "SECRET4"
email = "SECRET5"
preferredLanguage = "SECRET6"
personalNumber = "SECRET7"
organizationId = "SECRET8"
birthday = 1999-12-31
address = { street = "", zip = "SECRET9", country = "SECRET10" }
`))
	if err == nil {
		t.Fatal("no error")
	}
	if text := err.Error(); strings.Contains(text, "SECRET") || strings.Contains(text, "1999") {
		t.Errorf("a value shows in\n%s", text)
	}
	if got := strings.Count(err.Error(), "\n") + 1; got != 12 {
		t.Errorf("%d faults, want 12:\n%v", got, err)
	}
}

func TestSuggest(t *testing.T) {
	t.Parallel()
	known := []string{"base_url", "token_file", "organization_uuid", "timeout", "ca_file", "requests_per_minute"}
	for name, want := range map[string]string{
		"baseUrl": "base_url", "base-url": "base_url", "bsae_url": "base_url", "token": "token_file",
		"organisation_uuid": "organization_uuid", "timeuot": "timeout", "cafile": "ca_file", "x": "", "colour": "",
		"requests": "requests_per_minute",
	} {
		if got := suggest(name, known); got != want {
			t.Errorf("suggest(%q) = %q, want %q", name, got, want)
		}
	}
}
