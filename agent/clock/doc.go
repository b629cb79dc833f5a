// Package clock tells the time, whether it is known to be right, and for how long the API has answered.
package clock
