// Package shoptest is a shop for the tests of the built tillpost: a broker, the simulated API, a configuration, the agent
// as a process, and a till that publishes and listens. It is for tests.
//
// [New] makes a shop whose agent does not run yet, so that a test can change the configuration, the customers and what
// fails:
//
//	s := shoptest.New(t, shoptest.Options{Program: &tillpost, Mosquitto: &mqtttest.MosquittoOptions{}})
//	s.Listen()
//	s.Start()
//	s.Order(shoptest.Terminal(0), "a")
//	s.UntilState(shoptest.Terminal(0), "a", "paid")
//	s.Once()
//
// Messages are read as a till's developer would read them, by types of its own: a test of the whole must not rely on the
// agent's own decoding. No wait is a test of speed: what has no time of its own may take
// [proctest.Patience], and only a failure takes that long.
package shoptest
