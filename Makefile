# "make" shows what there is. Tools are built once from tools/go.mod into .tools/.

SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS   += --no-print-directory

VERSION ?= $(shell packaging/version)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(shell packaging/version commit) -X main.date=$(shell packaging/version date)
FUZZTIME ?= 10s
COUNT   ?= 3
NATS    := v2.15.3

TOOLS := $(abspath .tools)

.PHONY: help build demo test check test-conformance race lint fmt bench bench-quick bench-peers fuzz docs e2e ci vuln clean cross chaos chaos-night crowd soak packages packages-same test-packages test-brokers

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile

build: ## Build bin/tillpost
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/tillpost$(shell go env GOEXE) ./cmd/agent

# Not with "go run", which calls it a failure when Ctrl-C closes the shop.
demo: ## Play a day in a shop, in less than a minute
	@$(MAKE) -s build
	@bin/tillpost$(shell go env GOEXE) demo

test: ## Run all tests, and install mosquitto for them where that can be done; TESTFLAGS adds flags
	.ci/test -timeout 30m $(TESTFLAGS) ./...

check: ## Run vet, the linter, and the tests without the race detector: what to run before each commit
	@$(MAKE) lint
	@$(MAKE) test

test-conformance: ## Run the broker tests of mosca and of Eclipse Paho, fetched by npm and Go, against the embedded broker
	npm ci --prefix mqtt/broker/testdata/conformance --ignore-scripts --omit=optional --no-audit --no-fund
	TILLPOST_CONFORMANCE=1 go test -count=1 -timeout 15m -v -run '^TestConformance$$' ./mqtt/broker | grep -v '^=== '

race: ## Run all tests with the race detector, in a random order
	@$(MAKE) test TESTFLAGS='-race -shuffle=on'

lint: $(TOOLS)/golangci-lint ## Check style, mistakes and the direction of imports
	go vet ./...
	$(TOOLS)/golangci-lint run ./...

fmt: $(TOOLS)/golangci-lint ## Format the Go files
	$(TOOLS)/golangci-lint fmt ./...

bench: $(TOOLS)/benchstat ## Measure everything into bench.out, in COUNT rounds (3); compare two with .tools/benchstat
	COUNT=$(COUNT) bench/run

bench-quick: ## The same, the most telling parts of it, once
	bench/run quick

bench-peers: ## Run tillpost beside Telegraf, fetched and built here, into peers.out (TELEGRAF: a version, or a path)
	bench/peers

# Fuzzing takes one target of one package at a time. Go's fuzzer now and then ends with "context deadline exceeded" where
# nothing was found, so a failure is tried again: a real find is kept in testdata, and fails the second time at once.
fuzz: ## Run every fuzz target for FUZZTIME (10s)
	@grep -rEo --include='*_test.go' '^func Fuzz[A-Za-z0-9_]*' . | sort | while IFS=: read -r file line; do \
		echo "== $$(dirname "$$file") $${line#func }"; \
		try() { go test "$$(dirname "$$file")" -run '^$$' -fuzz "^$${line#func }\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x; }; \
		try || try; \
	done

chaos: ## Run whole agents through 20,000 schedules of faults in fake time (SCHEDULES, FIRST)
	SCHEDULES=$(or $(SCHEDULES),20000) go test -count=1 -timeout 60m -v -run 'TestSchedules|TestMutantsAreCaught' ./agent/chaos | grep -v '^=== '

chaos-night: ## Run a great many schedules (200,000), for a night or before a release
	SCHEDULES=$(or $(SCHEDULES),200000) go test -count=1 -timeout 12h -v -run TestSchedules ./agent/chaos | grep -v '^=== '

crowd: ## Have 1,000 agents lose one API for five minutes, in fake time, and draw what arrives there (CROWD, EVERY, PLOT)
	CROWD=$(or $(CROWD),1000) PLOT=$(or $(PLOT),$(CURDIR)/docs/images/outage-1000-agents.svg) go test -count=1 -timeout 60m -v ./agent/crowd | grep -v '^=== '

SOAK       ?= 1h
SOAK_KILLS ?= 200
SOAK_CUTS  ?= 5000

soak: ## Torment the real binary: a day of SOAK (1h), SOAK_KILLS (200), SOAK_CUTS power cuts (5,000), floods
	SOAK_CUTS=$(SOAK_CUTS) go test -count=1 -timeout 4h -v -run TestPowerCutAnywhere ./outbox/bolt | grep -v '^=== '
	SOAK=$(SOAK) SOAK_KILLS=$(SOAK_KILLS) go test -count=1 -timeout 48h -v ./cmd/agent/soak | grep -v '^=== '

docs: ## Write the generated files and pages again
	go generate ./...

e2e: ## Run the built binary against the simulated API, over mosquitto and over its own broker
	TILLPOST_E2E_BROKER=mosquitto go test -count=1 ./cmd/agent/e2e
	TILLPOST_E2E_BROKER=embedded go test -count=1 ./cmd/agent/e2e

test-brokers: $(TOOLS)/nats-server ## Try tillpost on mosquitto, NATS and RabbitMQ (apt install mosquitto rabbitmq-server)
	TILLPOST_BROKERS=required TILLPOST_TOOLS=$(TOOLS) go test -count=1 -v ./cmd/agent/brokers

cross: ## Build for every machine that we ship to
	@for target in linux/amd64 linux/arm64 linux/arm windows/amd64; do \
		echo "build $$target"; \
		export GOOS=$${target%/*} GOARCH=$${target#*/} GOARM=6 CGO_ENABLED=0; \
		go build ./...; \
		go build -trimpath -ldflags '$(LDFLAGS)' -o "dist/$$GOOS-$$GOARCH/tillpost$$(go env GOEXE)" ./cmd/agent; \
	done

packages: $(TOOLS)/nfpm ## Write deb and rpm packages and the Windows zip into dist/ (VERSION, ARCHS)
	VERSION='$(VERSION)' packaging/build dist

packages-same: $(TOOLS)/nfpm ## Build the packages twice, and fail where a byte differs
	@a=$$(mktemp -d) b=$$(mktemp -d); trap 'rm -rf "$$a" "$$b"' EXIT; \
	VERSION='$(VERSION)' packaging/build "$$a" && VERSION='$(VERSION)' packaging/build "$$b" >/dev/null && diff -r "$$a" "$$b" && echo "the same, byte for byte"

test-packages: $(TOOLS)/nfpm ## Install the packages in a booted Debian, and try what they promise (root, debootstrap, systemd-container)
	packaging/test/run

ci: ## Everything that a change has to pass
	.ci/run

vuln: $(TOOLS)/govulncheck ## Look for known vulnerabilities (needs the network)
	$(TOOLS)/govulncheck ./...

clean: ## Remove what was built, the tools included
	rm -rf bin dist .tools *.out

$(TOOLS)/golangci-lint: PKG = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
$(TOOLS)/govulncheck:   PKG = golang.org/x/vuln/cmd/govulncheck
$(TOOLS)/benchstat:     PKG = golang.org/x/perf/cmd/benchstat
$(TOOLS)/gotestsum:     PKG = gotest.tools/gotestsum
$(TOOLS)/nfpm:          PKG = github.com/goreleaser/nfpm/v2/cmd/nfpm
# A server, and not among the modules of the tools: they would have to agree on its dependencies.
$(TOOLS)/nats-server:
	GOBIN=$(TOOLS) go install github.com/nats-io/nats-server/v2@$(NATS)

$(TOOLS)/%: tools/go.mod tools/go.sum
	go build -C tools -o $@ $(PKG)
