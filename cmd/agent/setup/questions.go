package setup

import (
	"errors"

	"tillpost/agent/config"
)

// Complete asks for what the answers lack. given reports which ones a flag has answered; the token is asked for unless hasToken.
func (k *Asker) Complete(a *Answers, given func(flag string) bool, hasToken bool) error {
	steps := []struct {
		flag string
		ask  func(a *Answers) error
	}{
		{"store", k.store}, {"api-url", k.apiURL}, {"organization", k.organization}, {"token-file", func(a *Answers) error {
			if hasToken {
				return nil
			}
			return k.token(a)
		}},
		{"broker", k.broker}, {"walk-in", k.customer}, {"page", k.page}, {"users", k.users},
	}
	for _, s := range steps {
		if given(s.flag) {
			continue
		}
		if err := s.ask(a); err != nil {
			return err
		}
	}
	return nil
}

func (k *Asker) store(a *Answers) (err error) {
	a.Store, err = k.Ask("Name of the shop", "", func(text string) error { return firstFault(Answers{Store: text}, "store") })
	return err
}

func (k *Asker) apiURL(a *Answers) (err error) {
	k.Say("\nFront Payment: its address, your organisation's uuid, and a token. To try without money,\nuse https://demo-api.frontpayment.no/api/v1.")
	a.APIURL, err = k.Ask("Address of the API", DefaultAPI, func(text string) error { return firstFault(Answers{APIURL: text}, "api.base_url") })
	return err
}

func (k *Asker) organization(a *Answers) (err error) {
	a.Organization, err = k.Ask("Organisation", "", func(text string) error {
		if text == "" {
			return errors.New("write the organisation's uuid; Front Payment's portal shows it")
		}
		return firstFault(Answers{Organization: text}, "api.organization_uuid")
	})
	return err
}

func (k *Asker) token(a *Answers) (err error) {
	a.Token, err = k.Secret("Token", TokenFault)
	return err
}

// TokenFault returns what is wrong with a token; nil if it is usable.
func TokenFault(token string) error {
	if token == "" || !config.FitForHeader(token) {
		return errors.New("a token is one word of plain characters")
	}
	return nil
}

func (k *Asker) broker(a *Answers) (err error) {
	k.Say("\nTills reach tillpost over MQTT: over a broker that you have (tls://HOST:8883, or\ntcp://HOST:1883), or over the one inside tillpost, for tills on this machine (embedded).")
	a.Broker, err = k.Ask("Broker", DefaultBroker, func(text string) error { return firstFault(Answers{Broker: text}, "mqtt") })
	if _, embedded := a.embeddedAt(); err != nil || embedded {
		return err
	}
	if a.BrokerUser, err = k.Ask("  User at the broker (empty for none)", "", nil); err != nil || a.BrokerUser == "" {
		return err
	}
	a.BrokerPassword, err = k.Secret("  Its password", nil)
	return err
}

func (k *Asker) page(a *Answers) (err error) {
	k.Say("\nThe page shows requests, doubts and problems, and the metrics. It is for this machine\nalone, unless you give an address that others reach, such as 0.0.0.0:9720.")
	a.Page, err = k.Ask("Address of the page", DefaultPage, func(text string) error { return firstFault(Answers{Page: text}, "http.listen") })
	return err
}

func (k *Asker) users(a *Answers) error {
	if a.Beyond() {
		k.Say("Others reach the page: give it users, or everybody in the network can read it.")
	}
	for {
		name, err := k.Ask("  User of the page (empty for no more)", "", func(text string) error {
			if text == "" {
				return nil
			}
			_, err := hashOf(text, "a password")
			return err
		})
		if err != nil {
			return err
		}
		if name == "" {
			break
		}
		password, err := k.Secret("  Password of "+name, func(text string) error {
			if len(text) < 8 || len(text) > 72 {
				return errors.New("a password has 8 to 72 characters")
			}
			return nil
		})
		if err != nil {
			return err
		}
		if err := a.AddUser(name, password); err != nil {
			return err
		}
	}
	if !a.Beyond() {
		return nil
	}
	var err error
	a.TLS, err = k.Yes("  Encrypt it (https), with a certificate made here")
	return err
}
