// Package intake takes what tills publish: each message is refused at the door, or on disk before it is acknowledged.
package intake
