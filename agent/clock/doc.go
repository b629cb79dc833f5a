// Package clock tells moments, how far they are known to be right, and how long the API has answered.
package clock
