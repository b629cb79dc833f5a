package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manualPage returns a command's page for man(1), in roff.
func manualPage(c *cobra.Command) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH %s 1 "" "tillpost" "tillpost manual"`, roffQuoted(strings.ToUpper(pageName(c))))
	line(".SH NAME\n%s \\- %s", roff(pageName(c)), roff(strings.ToLower(c.Short[:1])+c.Short[1:]))
	line(".SH SYNOPSIS\n.B %s", roff(strings.TrimSuffix(c.UseLine(), " [flags]")))
	if c.HasAvailableFlags() {
		line("[\\fIflags\\fR]")
	}
	about := c.Long
	if about == "" {
		about = c.Short + "."
	}
	line(".SH DESCRIPTION")
	for _, paragraph := range strings.Split(strings.TrimSpace(about), "\n\n") {
		line(".PP\n%s", roff(paragraph))
	}
	if subs := available(c); len(subs) > 0 {
		line(".SH COMMANDS")
		for _, sub := range subs {
			line(".TP\n.BR %s (1)\n%s", roff(pageName(sub)), roff(sub.Short))
		}
	}
	if c.HasAvailableFlags() {
		line(".SH OPTIONS")
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { manualFlag(line, f) })
		c.InheritedFlags().VisitAll(func(f *pflag.Flag) { manualFlag(line, f) })
	}
	if c.Example != "" {
		line(".SH EXAMPLES\n.nf\n%s\n.fi", roff(c.Example))
	}
	line(".SH EXIT STATUS\n0 when done, 1 when it failed, 2 when it was called wrongly.")
	line(".SH FILES\n.TP\n.I /etc/tillpost/tillpost.toml\nthe configuration\n.TP\n.I /usr/share/doc/tillpost\nall documents")
	line(".SH SEE ALSO\n%s", strings.Join(related(c), ", "))
	return b.String()
}

func manualFlag(line func(string, ...any), f *pflag.Flag) {
	if f.Hidden || f.Name == "help" {
		return
	}
	value, usage := pflag.UnquoteUsage(f)
	text := `\fB\-\-` + roff(f.Name) + `\fR`
	if value != "" {
		text += ` \fI` + roff(value) + `\fR`
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0s" && f.DefValue != "[]" {
		usage += " (default " + f.DefValue + ")"
	}
	line(".TP\n%s\n%s", text, roff(usage))
}

func available(c *cobra.Command) []*cobra.Command {
	var list []*cobra.Command
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			list = append(list, sub)
		}
	}
	return list
}

// related returns the pages around a command's.
func related(c *cobra.Command) []string {
	var names []string
	if c.HasParent() {
		names = append(names, pageName(c.Parent()))
	}
	for _, sub := range available(c) {
		names = append(names, pageName(sub))
	}
	for i, name := range names {
		names[i] = `\fB` + roff(name) + `\fR(1)`
	}
	return names
}

// roff escapes a text for man: no line of it is an instruction, and hyphens can be copied.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "`", "").Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

func roffQuoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, "") + `"` }
