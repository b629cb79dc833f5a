package agent

import (
	"tillpost/agent/health"
	"tillpost/monitor"
)

func (a *Agent) openWeb() (*monitor.Server, error) {
	if a.opts.NoHTTP {
		return nil, nil
	}
	web, err := monitor.NewServer(monitor.ServerOptions{
		Listen: a.cfg.HTTP.Listen, WebConfigFile: a.cfg.HTTP.WebConfigFile, Metrics: a.metrics, Ready: a.notReady, Logger: a.log,
		Source: a, Events: a.board.Events, Build: a.build(), Hosts: a.cfg.HTTP.Hosts,
	})
	if err != nil {
		return nil, err
	}
	if err := web.Listen(); err != nil {
		return nil, err
	}
	a.opened = append(a.opened, web.Close)
	return web, nil
}

// notReady returns why the agent can't do its work, nil if it can. It can without the API: requests are kept.
func (a *Agent) notReady() []string {
	var why []string
	if !a.running.Load() {
		why = append(why, "the lanes are not running")
	}
	if !a.bus.Connected() {
		why = append(why, "the broker is not connected and subscribed")
	}
	if a.problems.Has(health.ProblemOutboxFull) {
		why = append(why, "the outbox takes no requests: the disk is full")
	}
	if a.problems.Has(health.ProblemOutboxFailed) {
		why = append(why, "the outbox takes no requests: its disk can't be written")
	}
	return why
}
