package simulator

import (
	"fmt"
	"net/http"
)

// Page answers with a page of a proxy before the API, without acting: its error
// page for the code, or for 200 the login form of a network that wants to know
// who one is. With [Fault.For] and no operation it is an outage that answers.
func Page(code int) Action { return Action{Kind: KindPage, Code: code} }

// proxyPage returns such a reply.
func proxyPage(code int) reply {
	body := htmlPage
	switch code {
	case http.StatusBadGateway: // as it stands
	case http.StatusOK:
		body = "<!DOCTYPE html>\n<html>\n<head><title>Sign in</title></head>\n<body>\n<form action=\"/login\" method=\"post\">" +
			"<input name=\"user\"><input name=\"password\" type=\"password\"><button>Sign in</button></form>\n</body>\n</html>\n"
	default:
		title := fmt.Sprintf("%d %s", code, http.StatusText(code))
		body = "<html>\r\n<head><title>" + title + "</title></head>\r\n<body>\r\n<center><h1>" + title +
			"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
	}
	return reply{http: code, raw: []byte(body), header: map[string]string{"Content-Type": "text/html"}}
}
