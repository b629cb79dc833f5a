// Package intake takes what tills publish: refused at the door, or on disk before it is acknowledged.
package intake
