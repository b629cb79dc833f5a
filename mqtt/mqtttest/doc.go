// Package mqtttest has a broker in memory, a proxy that breaks connections, a way to run a real mosquitto, and the
// suite that every bus has to pass on any of them.
package mqtttest
