# strata. `make` alone prints what there is.

# The Go backend is tens of times slower without SIMD, so it is on wherever
# strata is built, tested, measured, or run in a notebook.
export GOEXPERIMENT := simd

# GoMLX would download plugins the first time that something opens XLA; here only `make plugin` does.
export GOMLX_NO_AUTO_INSTALL := 1

# XLA's memory in huge pages: a training step on the CPU is up to a quarter faster (pkg/backend/hugepages.go).
export GLIBC_TUNABLES ?= glibc.malloc.hugetlb=1

# Network and budget of `make figures`: smoke, quick, demo, long, small, gpu or paper.
SIZE ?= quick

# What `make figures` trains: all, or tables and figures by name, "fig1 fig2 table2"; panels without data say so.
TARGETS ?= all

ROOT := $(CURDIR)
TOOLS := $(ROOT)/bin/tools

# Jupyter finds the project's kernel here and leaves the user's own alone.
JUPYTER_DIR := $(ROOT)/bin/jupyter

.DEFAULT_GOAL := help
.PHONY: help build kernel tools plugin wanted-plugin figures pages general detector-evidence serve-evidence test lab bench crash clean

help: ## print this list
	@echo 'strata: make TARGET [SIZE=smoke|quick|demo|long|small|gpu|paper] (SIZE is for figures; now $(SIZE))'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## write bin/strata
	go build -o bin/strata ./cmd/strata

kernel: ## write bin/tools: the GoNB kernel, and goimports, which it calls
	GOWORK=off GOBIN='$(TOOLS)' go -C tools install github.com/janpfeifer/gonb golang.org/x/tools/cmd/goimports

tools: ## write bin/tools: those and staticcheck
	GOWORK=off GOBIN='$(TOOLS)' go -C tools install tool

plugin: build ## install XLA's CPU plugin where strata and GoMLX find it (STRATA_NO_XLA=1: do without)
	bin/strata plugin

# Where there is no network, figures and notebooks are computed on the Go backend.
wanted-plugin: build
	@bin/strata plugin --optional

figures: build kernel wanted-plugin ## train what is missing of TARGETS at SIZE, write figures/, tables and pages, execute the notebooks
	bin/strata reproduce $(TARGETS) --size $(SIZE)
	bin/strata figures
	bin/strata pages

# What is committed: of the committed results, with pictures of nothing but what strata draws. AGAIN=--again takes what the
# notebooks showed the last time, AGAIN=--reports leaves their pages as they are.
pages: build kernel ## write docs/pages anew: the argument, the reports and the notebooks, to click through
	STRATA_FIGURES= STRATA_RESULTS= bin/strata pages --drawn --results figures/results/procedural-quick --out docs/pages $(AGAIN)

# What strata fit begins from: committed, and made anew only where its recipe changes.
general: wanted-plugin ## train the general networks of strata's own drawings that pkg/detector/fit embeds (MODEL=pixelcnn; ten minutes on two idle cores)
	go run ./experiments/general $(if $(MODEL),-model $(MODEL))

# Tests run on XLA too, and fail without the plugin where one is pinned; STRATA_NO_XLA=1 skips them.
test: build tools ## vet, staticcheck, check the formatting, run all tests
	@case "$$(go env GOOS)/$$(go env GOARCH)" in linux/amd64) bin/strata plugin ;; *) bin/strata plugin --optional ;; esac
	go vet ./...
	'$(TOOLS)/staticcheck' ./...
	@unformatted=$$(find . -name '*.go' -not -path './bin/*' -not -path './runs/*' -not -path './data/*' -exec gofmt -l {} +); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go test ./... -count=1 -timeout 40m

lab: kernel wanted-plugin ## open the notebooks in Jupyter (needs jupyter)
	@command -v jupyter >/dev/null || { \
	  echo 'jupyter is missing: apt-get install jupyter-notebook, or pip install jupyterlab'; exit 1; }
	@said=$$(JUPYTER_DATA_DIR='$(JUPYTER_DIR)' PATH='$(TOOLS)':"$$PATH" '$(TOOLS)/gonb' --install --raw_error --force_deps 2>&1) || \
	{ echo "$$said"; exit 1; }
	@cd notebooks && export JUPYTER_PATH='$(JUPYTER_DIR)'"$${JUPYTER_PATH:+:$$JUPYTER_PATH}" PATH='$(TOOLS)':"$$PATH" && \
	if jupyter lab --version >/dev/null 2>&1; then exec jupyter lab; else exec jupyter notebook; fi

# The peers' own environment: PyTorch and JAX in the versions and with the hashes of requirements.txt, about 7 GB. No package
# is added to those listed there, which leave out what only GPUs need and can be left out. PEERS_PYTHON names another one.
PEERS_PYTHON ?= $(ROOT)/bin/peers/bin/python

bin/peers/installed: experiments/bench/requirements.txt
	python3 -m venv --clear bin/peers
	bin/peers/bin/pip install --quiet --disable-pip-version-check --no-cache-dir --no-deps --require-hashes -r experiments/bench/requirements.txt
	@touch bin/peers/installed

ifdef PEERS
bench: wanted-plugin $(if $(filter $(ROOT)/bin/peers/bin/python,$(PEERS_PYTHON)),bin/peers/installed)
	go run ./experiments/bench -python '$(PEERS_PYTHON)' -cases '$(CASES)' $(if $(ROUNDS),-rounds $(ROUNDS)) $(BENCHFLAGS)
else
bench: wanted-plugin ## measure the packages, a Glow training step first; PEERS=1 [CASES=glow/train ROUNDS=5]: against PyTorch and JAX
	go test -run '^$$' -bench . -skip Growth ./pkg/glow ./pkg/...
endif

# Fits and scores detectors on the real sets (STRATA_DATA), an hour on two cores, then other detectors on the same images, then
# 10,000 and 100,000 images at once; docs/detector_evidence.md. What was done is not done again: remove a result, or runs/detector.
detector-evidence: wanted-plugin bin/detector-peers/installed ## measure strata fit and detect on the real sets, beside PyOD and scikit-learn
	go run ./experiments/detector
	bin/detector-peers/bin/python experiments/detector/peers/peers.py runs/detector experiments/detector/results
	go run ./experiments/detector -many 10000
	go run ./experiments/detector -many 100000
	go run ./experiments/detector -many 10000 -folder
	go run ./experiments/detector -many 100000 -folder
	go run ./experiments/detector -tables

bin/detector-peers/installed: experiments/detector/peers/requirements.txt
	python3 -m venv --clear bin/detector-peers
	bin/detector-peers/bin/pip install --quiet --disable-pip-version-check --no-cache-dir -r experiments/detector/peers/requirements.txt
	@touch bin/detector-peers/installed

# docs/serve.md; FOR=20s tries it.
serve-evidence: wanted-plugin ## measure strata serve, a quarter of an hour: load, stops under load, ten minutes of hostile clients
	go run ./experiments/detector/load $(if $(FOR),-for $(FOR)) all

crash: ## kill a training run 50 times and see that nothing is lost
	STRATA_CRASH_KILLS=50 go test ./tests -run TestKilledTraining -count=1 -v -timeout 60m

clean: ## remove bin/; runs and figures stay
	rm -rf bin
	@echo 'removed bin/; kept runs/ (trained models) and figures/: remove them by hand'
