package docs_test

import (
	"regexp"
	"strings"
	"testing"

	"tillpost/mqtt/message"
)

// TestAStaleDisplaySaysWhatTheAgentSays: the page has the words for "offline" of its own, for when the agent is gone.
func TestAStaleDisplaySaysWhatTheAgentSays(t *testing.T) {
	t.Parallel()
	page := read(t, "../monitor/web/display.js")
	text := message.PhaseOffline.Text()
	for lang, want := range map[string]string{"no": text.Norwegian, "en": text.English, "sv": text.Swedish, "da": text.Danish, "de": text.German} {
		if !strings.Contains(page, "  "+lang+": '"+want+"',") {
			t.Errorf("display.js says something else than %q", want)
		}
	}
}

// TestEveryPhaseHasAColour, and a line on the page for the staff.
func TestEveryPhaseHasAColour(t *testing.T) {
	t.Parallel()
	style, sheet := read(t, "../monitor/web/display.css"), read(t, "counter.md")
	for _, p := range message.Phases() {
		if p != message.PhaseIdle && !strings.Contains(style, `[data-phase="`+string(p)+`"]`) {
			t.Errorf("display.css does not know %s", p)
		}
		words := regexp.MustCompile(`[.!…]*$`).ReplaceAllString(strings.TrimSpace(p.Text().Norwegian), "")
		words, _, _ = strings.Cut(words, ". ")
		last := words[strings.LastIndex(words, " ")+1:]
		if !strings.Contains(strings.ToLower(sheet), strings.ToLower(last)) && p != message.PhaseChecking {
			t.Errorf("counter.md says nothing of %q", words)
		}
	}
}

var problemRow = regexp.MustCompile("(?m)^\\| `([A-Za-z]+)` \\|")

// TestEveryProblemHasHelp: what operations.md explains has a place on the page of instructions, and words on the page.
func TestEveryProblemHasHelp(t *testing.T) {
	t.Parallel()
	text := read(t, "operations.md")
	text = text[strings.Index(text, "## Problems"):strings.Index(text, "## Doubt")]
	help, words := read(t, "../monitor/web/help.html"), read(t, "../monitor/web/words.js")
	codes := problemRow.FindAllStringSubmatch(text, -1)
	if len(codes) < 13 {
		t.Errorf("%d problems were found", len(codes))
	}
	for _, m := range codes {
		if !strings.Contains(help, `<section id="`+m[1]+`">`) {
			t.Errorf("help.html has nothing on %s", m[1])
		}
		if !strings.Contains(words, "  "+m[1]+": ") && !strings.Contains(words, " "+m[1]+": ") {
			t.Errorf("words.js has no words for %s", m[1])
		}
	}
}
