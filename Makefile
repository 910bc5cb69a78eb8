# The two commands of README, and what they are made of. `make help` lists the targets.

CARGO ?= cargo
PYTHON ?= /usr/bin/python3
PREFIX ?= /usr/local
DESTDIR ?=
LIBDIR ?= $(PREFIX)/lib
PYTHONDIR ?= $(PREFIX)/lib/python3/dist-packages
# The API level, from the description's [meta].
API_VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' api.toml)
# Debian's triplet of this machine: the daemon is linked statically, which cargo does per target.
TARGET := $(shell uname -m)-unknown-linux-gnu
OUT := target/out

# Bindings beside C, Python and the shell: names of directories below bindings/, `usual`, or `all`, which are more than
# a gigabyte of packages larger. Those whose toolchain is not here are left out.
LANGUAGES ?= usual
export LANGUAGES

.PHONY: help demo check bench build daemon bindings languages steps-c appliance install clean

help:
	@echo 'make demo                     install what is needed, build, fill and read back a real disk image'
	@echo 'make check                    install what is needed, build, run every test'
	@echo 'make build                    library, daemon, shell and bindings into target/'
	@echo 'make bench                    compare with the libguestfs of Debian'
	@echo 'make languages                bindings of further languages into target/; LANGUAGES="lua perl" picks'
	@echo 'make install PREFIX= DESTDIR= install'

demo:
	.ci/setup run
	$(MAKE) --no-print-directory build appliance
	PATH="$(CURDIR)/$(OUT)/bin:$$PATH" LD_LIBRARY_PATH="$(CURDIR)/$(OUT)/lib" \
	  PYTHONPATH="$(CURDIR)/$(OUT)/python" PYTHON="$(PYTHON)" tests/demo.sh

check:
	@mkdir -p target && date +%s >target/check-began
	.ci/setup check
	$(MAKE) --no-print-directory build languages steps-c appliance
	PATH="$(CURDIR)/$(OUT)/bin:$$PATH" CARGO="$(CARGO)" PYTHON="$(PYTHON)" tests/check.sh

build: daemon bindings

# C test steps: a program of its own against the shared library, as a user would build one.
steps-c: bindings
	$(CC) -std=gnu11 -O1 -Wall -Wextra -Werror -Igenerated/c -Itests/conformance -o $(OUT)/steps-c \
	  tests/conformance/harness.c generated/tests/steps.c -L$(OUT)/lib -lguestfs

# Static, so that the appliance's PID 1 needs nothing; its own flags make it a build of its own. The worker loads
# libraries of the distribution, and is linked as they are.
daemon:
	RUSTFLAGS='-C target-feature=+crt-static' $(CARGO) build --release --locked -p guestfsd --target $(TARGET)
	$(CARGO) build --release --locked -p guestfs-worker

bindings:
	$(CARGO) build --release --locked -p guestfs -p guestfish -p guestfs-c
	mkdir -p $(OUT)/bin
	cp target/release/guestfish target/release/guestfs-appliance $(OUT)/bin/
	bindings/c/build.sh target/release $(OUT)/lib
	GUESTFS_LIBDIR="$(CURDIR)/$(OUT)/lib" PYTHON="$(PYTHON)" bindings/python/build.sh "$(OUT)/python"

languages: bindings
	GUESTFS_LIBDIR="$(CURDIR)/$(OUT)/lib" bindings/languages.sh build "$(CURDIR)/$(OUT)/languages"

# The kernel is fetched once; the appliance is cached, so this costs nothing the second time.
appliance:
	$(OUT)/bin/guestfs-appliance fetch-kernel
	$(OUT)/bin/guestfs-appliance build

bench: build appliance
	PATH="$(CURDIR)/$(OUT)/bin:$$PATH" tests/bench.sh

# The appliance's parts lie beside the library, where it looks first; the kernel goes there when one was
# fetched, so that users of the installed programs need no download of their own.
install: build languages
	install -d "$(DESTDIR)$(PREFIX)/bin" "$(DESTDIR)$(LIBDIR)/pkgconfig" "$(DESTDIR)$(LIBDIR)/guestfs-rs" \
	  "$(DESTDIR)$(PREFIX)/include" "$(DESTDIR)$(PREFIX)/share/man/man1" "$(DESTDIR)$(PREFIX)/share/man/man3" \
	  "$(DESTDIR)$(PREFIX)/share/bash-completion/completions" "$(DESTDIR)$(PREFIX)/share/zsh/site-functions" \
	  "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d" "$(DESTDIR)$(PYTHONDIR)"
	install $(OUT)/bin/guestfish $(OUT)/bin/guestfs-appliance "$(DESTDIR)$(PREFIX)/bin/"
	cp -P $(OUT)/lib/libguestfs.so* "$(DESTDIR)$(LIBDIR)/"
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(API_VERSION)|' \
	  bindings/c/libguestfs.pc.in >"$(DESTDIR)$(LIBDIR)/pkgconfig/libguestfs.pc"
	install -m 644 generated/c/guestfs.h "$(DESTDIR)$(PREFIX)/include/"
	install target/$(TARGET)/release/guestfsd target/release/guestfs-worker "$(DESTDIR)$(LIBDIR)/guestfs-rs/"
	cp -R $(OUT)/python/. "$(DESTDIR)$(PYTHONDIR)/"
	DESTDIR="$(DESTDIR)" PREFIX="$(PREFIX)" LIBDIR="$(LIBDIR)" bindings/languages.sh install "$(OUT)/languages"
	install -m 644 generated/man/guestfish.1 "$(DESTDIR)$(PREFIX)/share/man/man1/"
	install -m 644 generated/man/guestfs.3 "$(DESTDIR)$(PREFIX)/share/man/man3/"
	install -m 644 generated/completions/guestfish.bash "$(DESTDIR)$(PREFIX)/share/bash-completion/completions/guestfish"
	install -m 644 generated/completions/_guestfish "$(DESTDIR)$(PREFIX)/share/zsh/site-functions/"
	install -m 644 generated/completions/guestfish.fish "$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/"
	$(OUT)/bin/guestfs-appliance fetch-kernel --dir "$(DESTDIR)$(LIBDIR)/guestfs-rs"

clean:
	$(CARGO) clean
