// Package lane has one actor for each terminal, which applies the events of its requests and carries out what they ask for.
package lane
