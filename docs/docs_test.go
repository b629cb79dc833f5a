// Package docs_test holds the documents to the code: what a reader copies works, and what the code can say is explained.
package docs_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"tillpost/mqtt"
	"tillpost/mqtt/message"
)

// The customer, the token and so on of the examples never go into a failure's message: .ci/private looks for them there.

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.FromSlash(name))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(b), "\r\n", "\n")
}

// example is one publication that a document shows.
type example struct {
	topic, payload string
	refused        bool
}

var (
	fence   = regexp.MustCompile("(?s)```(\\S+)( refused)?\n(.*?\n)```\n")
	file    = regexp.MustCompile(`(?s)cat > (\S+) <<'END'\n(.*?\n)END\n`)
	publish = regexp.MustCompile(`(?s)(?:sed '([^']*)' (\S+) \| )?mosquitto_pub -q 1 -t (\S+) (?:-s <<'?END'?\n(.*?\n)END\n|-m '([^']*)'\n|-f (\S+)\n|-s\n)`)
	change  = regexp.MustCompile(`s/([^/]*)/([^/]*)/g?`)
)

// examples are all publications in the sh blocks of a document, in order. A file is one that an earlier block wrote, or
// one of the repository.
func examples(t *testing.T, blocks []string, refused []bool) []example {
	t.Helper()
	files := map[string]string{}
	content := func(name string) string {
		if text, ok := files[name]; ok {
			return text
		}
		return read(t, filepath.Join("..", name))
	}
	var all []example
	for i, block := range blocks {
		for _, m := range file.FindAllStringSubmatch(block, -1) {
			files[m[1]] = m[2]
		}
		found := publish.FindAllStringSubmatch(block, -1)
		if n := strings.Count(block, "mosquitto_pub"); n != len(found) {
			t.Errorf("block %d has %d publications, of which %d can be read", i+1, n, len(found))
		}
		for _, m := range found {
			payload := m[4] + m[5]
			switch {
			case m[6] != "":
				payload = content(m[6])
			case m[2] != "":
				payload = content(m[2])
				for _, c := range change.FindAllStringSubmatch(m[1], -1) {
					payload = strings.ReplaceAll(payload, c[1], c[2])
				}
			}
			// The shell puts a uuid there.
			payload = strings.ReplaceAll(payload, "$ORDER", `"ODR1234567890"`)
			all = append(all, example{topic: m[3], payload: payload, refused: refused[i]})
		}
	}
	return all
}

func guideExamples(t *testing.T) []example {
	t.Helper()
	var blocks []string
	var refused []bool
	for _, m := range fence.FindAllStringSubmatch(read(t, "pos-guide.md"), -1) {
		if m[1] == "sh" {
			blocks, refused = append(blocks, m[3]), append(refused, m[2] != "")
		}
	}
	return examples(t, blocks, refused)
}

func readmeExamples(t *testing.T) []example {
	t.Helper()
	var blocks []string
	var refused []bool
	for line := range strings.Lines(read(t, "../README.md")) {
		if command, ok := strings.CutPrefix(line, "    "); ok && strings.Contains(command, "mosquitto_pub") {
			blocks, refused = append(blocks, command), append(refused, false)
		}
	}
	return examples(t, blocks, refused)
}

// TestExamplesAreTaken has each example judged as the agent judges it, with nothing configured.
func TestExamplesAreTaken(t *testing.T) {
	t.Parallel()
	rules := message.Rules{Now: time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), ClockKnown: true}
	kinds, ids := map[mqtt.Kind]bool{}, map[string]bool{}
	guide, readme := guideExamples(t), readmeExamples(t)
	if len(guide) < 10 || len(readme) < 2 {
		t.Fatalf("the guide has %d examples and the README %d; are they still found?", len(guide), len(readme))
	}
	for i, e := range append(guide, readme...) {
		request, rejection := message.Decode(mqtt.Topics{Prefix: "tillpost"}, e.topic, false, []byte(e.payload), rules)
		switch {
		case e.refused && rejection == nil:
			t.Errorf("example %d, on %s, is said to be refused, but it is taken", i+1, e.topic)
		case !e.refused && rejection != nil:
			t.Errorf("example %d, on %s, is refused: %s", i+1, e.topic, rejection.Message)
		case request != nil && i < len(guide):
			kinds[request.Kind] = true
			if ids[request.RequestID] {
				t.Errorf("example %d uses requestId %s again", i+1, request.RequestID)
			}
			ids[request.RequestID] = true
		}
	}
	for _, k := range mqtt.Kinds() {
		if !kinds[k] {
			t.Errorf("the guide has no example of the kind %s", k)
		}
	}
}

// TestAnswersHaveTheirShape reads what the documents show as published into the types that are published.
func TestAnswersHaveTheirShape(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, name := range []string{"pos-guide.md", "messages.md", "../README.md"} {
		for _, m := range fence.FindAllStringSubmatch(read(t, name), -1) {
			if m[1] != "json" {
				continue
			}
			for line := range strings.Lines(m[3]) {
				seen++
				if err := shaped(line); err != nil {
					t.Errorf("%s: %v: %s", name, err, line)
				}
			}
		}
	}
	if seen < 20 {
		t.Errorf("only %d answers were found", seen)
	}
}

func shaped(line string) error {
	var keys map[string]json.RawMessage
	list := strings.HasPrefix(line, "[")
	if !list {
		if err := json.Unmarshal([]byte(line), &keys); err != nil {
			return err
		}
	}
	var into any = &message.Status{}
	switch {
	case list:
		into = &[]message.TerminalInfo{}
	case keys["phase"] != nil:
		into = &message.Display{}
	case keys["topic"] != nil:
		into = &message.Reject{}
	case keys["instance"] != nil:
		into = &message.AgentState{}
	}
	d := json.NewDecoder(strings.NewReader(line))
	d.DisallowUnknownFields()
	return d.Decode(into)
}

var (
	tomlTable = regexp.MustCompile(`^#?\[([a-zA-Z_.]+)\]$`)
	tomlKey   = regexp.MustCompile(`^#?([a-zA-Z_]+) = (.*)$`)
	keyRow    = regexp.MustCompile("(?m)^\\| (`[^|]*`) \\| ([^|]*) \\|")
	quoted    = regexp.MustCompile("`([^`]*)`")
)

// TestEveryKey holds config.md to the packaged configuration, key by key, in both directions.
func TestEveryKey(t *testing.T) {
	t.Parallel()
	packaged := map[string]string{}
	table := ""
	for line := range strings.Lines(read(t, "../packaging/tillpost.toml")) {
		line = strings.TrimRight(line, "\n")
		if m := tomlTable.FindStringSubmatch(line); m != nil {
			table = m[1] + "."
		} else if m := tomlKey.FindStringSubmatch(line); m != nil {
			packaged[table+m[1]] = m[2]
		}
	}
	told := map[string]string{}
	for _, row := range keyRow.FindAllStringSubmatch(read(t, "config.md"), -1) {
		for _, key := range quoted.FindAllStringSubmatch(row[1], -1) {
			told[key[1]] = strings.Trim(strings.TrimSpace(row[2]), "`")
		}
	}
	for key, value := range packaged {
		byDefault, ok := told[key]
		if !ok {
			t.Errorf("config.md lacks the key %s", key)
		} else if byDefault != "—" && byDefault != value {
			t.Errorf("config.md says that %s is %s by default, the packaged file %s", key, byDefault, value)
		}
	}
	// A table, and a member that few need, need no line of their own in the packaged file.
	except := []string{"order_defaults.customerDetails", "order_defaults.customerDetails.organizationId"}
	for key := range told {
		if _, ok := packaged[key]; !ok && !slices.Contains(except, key) {
			t.Errorf("config.md has the key %s, which the packaged file lacks", key)
		}
	}
	if len(packaged) < 40 {
		t.Errorf("only %d keys were found in the packaged file", len(packaged))
	}
}

var link = regexp.MustCompile(`\]\(([^)#\s]*)(#[^)\s]*)?\)`)

// TestLinksLead follows the links between the repository's own pages, headings included.
func TestLinksLead(t *testing.T) {
	t.Parallel()
	pages := []string{"../README.md", "../CONTRIBUTING.md", "../CHANGELOG.md"}
	for _, pattern := range []string{"*.md", "adr/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, more...)
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			if err := leads(t, page, m[1], strings.TrimPrefix(m[2], "#")); err != nil {
				t.Errorf("%s links to %s%s: %v", page, m[1], m[2], err)
			}
		}
	}
}

func leads(t *testing.T, page, target, heading string) error {
	t.Helper()
	if strings.Contains(target, "://") || strings.HasSuffix(target, "NNNN-title.md") {
		return nil
	}
	to := page
	if target != "" {
		to = filepath.Join(filepath.Dir(page), filepath.FromSlash(target))
	}
	if _, err := os.Stat(to); err != nil {
		return err
	}
	if heading == "" {
		return nil
	}
	for line := range strings.Lines(read(t, to)) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' && anchor(title) == heading {
			return nil
		}
	}
	return fmt.Errorf("%s has no such heading", to)
}

// anchor is what GitHub makes of a heading.
func anchor(title string) string {
	var b bytes.Buffer
	for _, r := range strings.ToLower(strings.TrimSpace(title)) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case r == '-' || r == '_' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9':
			b.WriteRune(r)
		}
	}
	return b.String()
}
