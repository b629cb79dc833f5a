package check

import (
	"strings"

	"tillpost/mqtt/message"
)

// agent combines what the outbox, http.listen and the broker show of a running agent.
func (c *checker) agent(held outboxFacts, d daemonFacts, said *message.AgentState) []Finding {
	fs := about("agent")
	here := held.locked || d.ours
	online := said != nil && said.State != message.AgentOffline
	switch {
	case online && held.instance != "" && held.instance != said.Instance:
		fs.fail("give each agent a mqtt.topic_prefix of its own, or stop the other one",
			"another agent, with another outbox, is %s under the prefix %s", said.State, c.cfg.MQTT.TopicPrefix)
	case online && !here:
		fs.warn("if none runs elsewhere, wait half a minute and check again",
			"an agent is %s under the prefix %s, but not on this machine: it ended without a word, or runs elsewhere", said.State, c.cfg.MQTT.TopicPrefix)
	case !here:
		fs.ok("does not run here")
	case len(d.reasons) > 0:
		fs.warn("see its log", "runs here, but takes no requests: %s", strings.Join(d.reasons, ", "))
	case said != nil && len(said.Problems) > 0:
		var codes []string
		for _, p := range said.Problems {
			codes = append(codes, p.Code)
		}
		fs.warn("tillpost watch tells more", "runs here, with problems: %s", few(codes))
	case said != nil && !online:
		fs.warn("see its log", "runs here, but the broker has it offline")
	default:
		fs.ok("runs here%s", ofVersion(said, d))
	}
	return fs.done()
}

func ofVersion(said *message.AgentState, d daemonFacts) string {
	version := d.version
	if said != nil {
		version = said.Version
	}
	if version == "" {
		return ""
	}
	return ", version " + version
}
