// Package reconcile looks for the marks of requests among the API's orders.
package reconcile
