package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"tillpost/internal/proctest"
)

const readYAML = `import json, sys, yaml; json.dump(yaml.safe_load(sys.stdin.buffer), sys.stdout)`

// TestYAMLReadsBack has somebody else's reader, of the old YAML 1.1 with its many words for true and false, read the
// file, and wants the document that it was made of.
func TestYAMLReadsBack(t *testing.T) {
	t.Parallel()
	python := pythonWithYAML(t)
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	command := exec.CommandContext(t.Context(), python, "-c", readYAML)
	command.Stdin = f
	raw, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	want, err := json.Marshal(plain(doc))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := decoded(t, raw), decoded(t, want); !reflect.DeepEqual(got, want) {
		t.Errorf("the file reads as %s, want %s", got, want)
	}
}

func pythonWithYAML(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"/usr/bin/python3", "python3"} {
		if exec.CommandContext(t.Context(), name, "-c", "import yaml").Run() == nil {
			return name
		}
	}
	proctest.Lacks(t, "Python with PyYAML is not installed: apt install python3-yaml")
	return ""
}

func decoded(t *testing.T, raw []byte) any {
	t.Helper()
	var v any
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
