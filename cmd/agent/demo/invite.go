package demo

import (
	"fmt"
	"net"
	"path/filepath"
)

// invite says what a person can do with what goes on running.
func (p *play) invite() {
	s := p.shop
	_, port, _ := net.SplitHostPort(s.broker) // a listener's address is one
	file := filepath.Join(filepath.Dir(s.config), orderName)
	name, topic := p.options.Name, s.till.topics.Orders(counter1)
	p.out.block("",
		"The shop stays open. Ctrl-C closes it. In a browser you can look at",
		fmt.Sprintf("  http://%s/", s.daemon.http),
		fmt.Sprintf("  http://%s/display/%s", s.daemon.http, counter1),
		"and in other terminals you can",
		"",
		"watch it:",
		fmt.Sprintf("  %s watch --config %s", name, s.config),
		fmt.Sprintf("  mosquitto_sub -p %s -v -t 'tillpost/#'", port),
		"sell something, and pay it back (a requestId is good for one request):",
		fmt.Sprintf("  %s send --config %s %s order %s", name, s.config, counter1, file),
		`  echo '{"requestId":"mine-2","orderRequestId":"mine-1","full":true}' |`,
		fmt.Sprintf("    %s send --config %s %s refund -", name, s.config, counter1),
		"or with a client of your own:",
		fmt.Sprintf("  mosquitto_pub -p %s -q 1 -t %s -f %s", port, topic, file),
		"make trouble, then sell again:",
		fmt.Sprintf(`  curl %s/faults -d '{"operation":"create","kind":"drop_after"}'`, s.control),
		fmt.Sprintf(`  curl %s/busy -d '{"terminal":%q,"busy":true,"for":"20s"}'`, s.control, counter1),
		fmt.Sprintf(`  curl %s/customers -d '{"deed":"declines","after":"2s"}'`, s.control),
		fmt.Sprintf(`  curl %s/down -d '{"down":true}'   # false brings it back`, s.control),
		"look into the books, at Front Payment and here:",
		fmt.Sprintf("  curl %s/orders", s.control),
		fmt.Sprintf("  %s show --config %s sale-8", name, s.config),
		fmt.Sprintf("  curl %s/api/v1/requests", s.daemon.http),
		fmt.Sprintf("  curl %s/metrics", s.daemon.http),
		"settle what is in doubt, where a fault of the kind drop_before left it:",
		fmt.Sprintf("  %s resolve --config %s ID --resubmit --by YOU", name, s.config),
	)
}
