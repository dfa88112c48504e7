# siprouter: every target is quiet when nothing is to be done, and safe to run again.
#
#   make run      install what is missing, build, start the router (ARGS="..." goes to `siprouter run`)
#   make test     install what is missing, build, run every test; ends with "N passed, N failed"
#   make build    leaves build/siprouter
#
# also: test-asan test-tsan bench fuzz lint clean install deb cross-arm64

DESTDIR ?=
PREFIX ?= /usr

.PHONY: all run test build test-asan test-tsan bench fuzz lint clean install deb cross-arm64

all: build

run:
	@tools/deps.sh build
	@tools/build.sh release program
	@exec build/siprouter run $(ARGS)

build:
	@tools/deps.sh build
	@tools/build.sh release

test:
	@tools/deps.sh build test
	@tools/build.sh release
	@tools/test.sh release

test-asan:
	@tools/deps.sh build test
	@tools/build.sh asan
	@tools/test.sh asan

test-tsan:
	@tools/deps.sh build test
	@tools/build.sh tsan
	@tools/test.sh tsan

bench:
	@tools/deps.sh build test bench
	@tools/build.sh release
	@bench/run.sh

fuzz:
	@tools/deps.sh build fuzz
	@tools/build.sh fuzz
	@tools/fuzz.sh

lint:
	@tools/deps.sh build lint
	@tools/lint.sh

clean:
	@rm -rf build build-*

install: build
	@DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" tools/install.sh

deb: build
	@tools/deb.sh

cross-arm64:
	@tools/deps.sh build cross
	@tools/cross-arm64.sh
