# SPDX-License-Identifier: GPL-2.0-only
# A short front door to meson and scripts/. `make help` says what there is.

BUILD ?= build
IFACE ?=
POLICY ?=
QUICK ?=

.DEFAULT_GOAL := help
.PHONY: help dependencies build run check vm-check lint bench install clean

help:
	@echo 'make run       a lab in network namespaces: see packets dropped, passed, redirected'
	@echo '               and counted for some 15 seconds; nothing is left behind'
	@echo 'make run IFACE=eth1 POLICY=edge.yaml'
	@echo '               filter on a real interface until Ctrl-C'
	@echo 'make check     build and run every test; ends with: N passed, N failed, N skipped'
	@echo 'make vm-check  the tests that the kernel has a say in, in a virtual machine with'
	@echo '               Debian'\''s kernel 6.1 (fetched once; some ten minutes)'
	@echo 'make build     build into $(BUILD)/'
	@echo 'make lint      style, static analysis, man pages'
	@echo 'make bench     measure the cost of a packet, beside other filters (QUICK=1: a minute)'
	@echo 'make install   install where Debian does (honours DESTDIR)'
	@echo 'make clean     remove $(BUILD)/'

dependencies:
	@scripts/install-dependencies

build: $(BUILD)/build.ninja
	@meson compile -C $(BUILD) --ninja-args=--quiet

$(BUILD)/build.ninja: | dependencies
	@meson setup $(BUILD) $(if $(CI),-Dwerror=true)

run: dependencies build
	@XDPGATE_BUILD=$(BUILD) scripts/lab $(if $(IFACE)$(POLICY),"$(IFACE)" "$(POLICY)")

check: dependencies build
	@scripts/check $(BUILD)

vm-check: dependencies build
	@scripts/install-dependencies vm
	@scripts/vm-check $(BUILD)

lint: dependencies build
	@scripts/lint $(BUILD)

bench: dependencies build
	@scripts/install-dependencies bench
	@scripts/bench $(BUILD) $(if $(QUICK),--quick)

install: dependencies build
	@meson install -C $(BUILD) --no-rebuild

clean:
	@rm -rf -- $(BUILD)
