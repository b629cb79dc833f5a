package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"tillpost/mqtt/message"
)

// shownAgent is the agent's state in the daemon's answer.
type shownAgent struct {
	State, Build string
	Since        message.Timestamp
	Problems     []struct {
		Code, Message, Todo, RequestID string
		Since                          message.Timestamp
		StopsPayments                  bool
	}
	Connections []struct {
		Name, Stage, Message string
		OK                   bool
		Since                message.Timestamp
	}
	Clock struct{ Known bool }
	Disk  struct{ Room bool }
}

func newStatus() *cobra.Command {
	var raw bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Tell whether the daemon works, and what is wrong",
		Long: `Tells what the daemon says of itself: its problems with what to do about each, its
connections, its terminals. It exits with 0 if the daemon is online, and with 1 if
it is degraded, offline or not reached.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return status(c, raw) },
	}
	c.Flags().BoolVar(&raw, "json", false, "print it as JSON")
	return daemonFlags(c)
}

func status(c *cobra.Command, asJSON bool) error {
	d, raw, err := get(c, "/api/v1/agent", nil)
	if err != nil {
		return err
	}
	var a shownAgent
	if err := readAnswer(raw, &a); err != nil {
		return err
	}
	if asJSON {
		err = printJSON(c, raw)
	} else {
		err = showStatus(c, d, a)
	}
	if err != nil || a.State == message.AgentOnline {
		return err
	}
	codes := []string{}
	for _, p := range a.Problems {
		codes = append(codes, p.Code)
	}
	return fmt.Errorf("the daemon is %s: %s", a.State, strings.Join(codes, ", "))
}

func showStatus(c *cobra.Command, d *daemonClient, a shownAgent) error {
	terminals, err := askFor[struct {
		Terminals []message.TerminalInfo
	}](c.Context(), d, "/api/v1/terminals", nil)
	if err != nil {
		return err
	}
	p := newPaper(c.OutOrStdout())
	at := func(t message.Timestamp) string { return t.In(d.cfg.Store.Location).Format(time.DateTime) }
	facts := [][2]string{{"state", a.State}, {"version", a.Build}, {"running since", at(a.Since)}}
	for _, problem := range a.Problems {
		text := problem.Code + " since " + at(problem.Since) + ": " + problem.Message
		if problem.RequestID != "" {
			text += " (request " + problem.RequestID + ")"
		}
		if problem.StopsPayments {
			text += "; it stops payments"
		}
		facts = append(facts, [2]string{"problem", text}, [2]string{"what to do", problem.Todo})
	}
	for _, conn := range a.Connections {
		text := fmt.Sprintf("%s answers since %s", conn.Name, at(conn.Since))
		if !conn.OK {
			text = fmt.Sprintf("%s ends at %s since %s: %s", conn.Name, conn.Stage, at(conn.Since), conn.Message)
		}
		facts = append(facts, [2]string{"connection", text})
	}
	facts = append(facts, [2]string{"clock", either(a.Clock.Known, "known to be right", "not known to be right")}, [2]string{"disk", either(a.Disk.Room, "has room", "is full")})
	for _, one := range terminals.Terminals {
		if one.Paused != nil {
			facts = append(facts, [2]string{"paused", fmt.Sprintf("%s by %s since %s", one.Name, one.Paused.By, at(one.Paused.Since))})
		}
	}
	p.facts(facts)
	t := table{columns: []column{{head: "TERMINAL", givesWay: 1}, {head: "NAME", least: 8}, {head: "LANE", paint: laneColour}, {head: "WAITING", right: true}, {head: "ACTIVE", givesWay: 2}}}
	for _, one := range terminals.Terminals {
		t.add(one.UUID, one.Name, one.Lane, fmt.Sprint(one.QueueLength), either(one.Active, "yes", "no"))
	}
	p.write("\n")
	p.table(t)
	return p.err
}

func either(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func laneColour(lane string) colour {
	switch lane {
	case "in_doubt":
		return red
	case "paused", "waiting":
		return yellow
	}
	return noColour
}
