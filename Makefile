# The front door.  `make demo` and `make test` install what is missing, build, and run.
.DEFAULT_GOAL := help
.PHONY: help bench demo test quick check format tidy build micropython baremetal firmware size deps clean install fuzz soak \
    test-cross test-peers release deb docs

help:
	@echo "make demo          two MicroPython programs talk Bluetooth LE over the simulated radio"
	@echo "make quick         the project's rules and the quick C tests: a minute"
	@echo "make test          every test: most of an hour"
	@echo "make test T=word   only the tests with that word in their names"
	@echo "make test STAGE=c  the rules, C tests, fuzzers; python: the module, tools; peers: other hosts"
	@echo "make check         the project's rules, without tests"
	@echo "make format        formats every C file by .clang-format (clang-format 14)"
	@echo "make tidy          clang-tidy over every C file, by .clang-tidy: five minutes"
	@echo "make build         build/woad and the libraries"
	@echo "make micropython   build/micropython: the unix port with this module"
	@echo "make baremetal     build/baremetal: a lock for Cortex-M0+, M3, M4, RISC-V and the RP2040"
	@echo "make firmware      MicroPython with this module for an emulated board"
	@echo "make size          flash and RAM of those, and of each configuration; build/size.json"
	@echo "make bench         instructions for an operation, the radio, the air; build/bench.json"
	@echo "make fuzz          fuzzers, a minute each (SECONDS_EACH=… for more)"
	@echo "make test-cross    the transcripts on a 32-bit and a big-endian machine, by qemu"
	@echo "make test-peers    against Linux with BlueZ, in QEMU, and hosts in JavaScript: three rounds"
	@echo "make soak          what takes too long for make test: about an hour"
	@echo "make install       the libraries, the headers and woad: PREFIX=/usr/local DESTDIR= SHARED=1"
	@echo "make release       build/release: static woad and micropython for x86-64 and arm64, the source archive"
	@echo "make deb           build/release/debian: the Debian packages, looked at by lintian"
	@echo "make docs          build/docs/html: the documentation as a site"
	@echo "make clean         removes build/"

demo: micropython build
	@scripts/demo

# T=word: tests with the word in their names.  STAGE=c, python, peers: a part of all.
ifdef T
test:
	@scripts/test-some '$(T)'
else ifeq ($(STAGE),c)
test: build
	@scripts/test c
else
test: build micropython baremetal firmware
	@scripts/test $(STAGE)
endif

quick: build
	@scripts/test quick

check: build
	@scripts/check

tidy: deps
	@scripts/tidy

format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

build: deps
	@scripts/build $(MAKECMDGOALS)

micropython: deps
	@scripts/micropython

baremetal: deps
	@$(MAKE) -s -C examples/baremetal

firmware: deps micropython
	@scripts/firmware

size: baremetal firmware
	@scripts/size

deps:
	@scripts/deps $(MAKECMDGOALS)

test-cross: deps
	@scripts/test-cross

test-peers: build micropython deps
	@REPLAY=1 scripts/test-peers
	@REPLAY=1 scripts/test-hosts

soak: build micropython baremetal firmware
	@scripts/soak

bench: deps
	@scripts/bench

fuzz: deps
	@scripts/fuzz

install: deps
	@PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)' SHARED='$(SHARED)' scripts/install

release: deps micropython
	@scripts/release

deb: deps
	@scripts/release deb

docs: deps
	@scripts/docs

clean:
	rm -rf build
