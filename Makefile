# SPDX-License-Identifier: BSD-2-Clause
# deps · all · check · demo · bench · install · deb; `make help` says what each does.
#
# Files are found by pattern: a new .c in a folder of user/ belongs to the library, a new
# tests/unit/**/*_test.c or tests/fuzz/*_fuzz.c is a program of its own. Nothing to list here.

VERSION  := 0.1.0
O        ?= build
CC       ?= gcc
CLANG    ?= clang
BPFTOOL  ?= $(firstword $(wildcard /usr/sbin/bpftool) bpftool)
PREFIX   ?= /usr/local
SANITIZE ?=

PACKAGES := libbpf libxdp libprotobuf-c libmaxminddb libcurl yaml-0.1 libmicrohttpd libsystemd jansson \
	libpcap libmnl libcap-ng ncurses zlib libxxhash
OPT      ?= -O3 -g
WARN     := -Wall -Wextra -Werror -Wno-unused-parameter -Wmissing-prototypes -Wshadow -Wvla
CFLAGS   += -std=gnu17 $(OPT) $(WARN) -pthread -fno-strict-aliasing -fstack-protector-strong
CPPFLAGS += -D_GNU_SOURCE -DCROSSTAP_VERSION='"$(VERSION)"' -Iuser -Iinclude -I$(O)/gen
LDFLAGS  += -pthread
PKG_CFLAGS := $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LDLIBS   += $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm
ifneq ($(SANITIZE),)
OPT      := -O1 -g
CFLAGS   += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS  += -fsanitize=$(SANITIZE)
else
CPPFLAGS += -D_FORTIFY_SOURCE=2
endif

LIB_SRC  := $(filter-out user/main.c,$(wildcard user/*.c user/*/*.c))
LIB_OBJ  := $(LIB_SRC:%.c=$(O)/%.o) $(O)/gen/proto/dnstap.pb-c.o
BPF_SRC  := $(wildcard bpf/*.bpf.c tests/bench/*.bpf.c)
SKELS    := $(patsubst %.bpf.c,$(O)/gen/%.skel.h,$(notdir $(BPF_SRC)))
WEB_SRC  := $(wildcard user/http/web/*)
WEB_GEN  := $(if $(WEB_SRC),$(O)/gen/web_files.h)
UNIT_SRC := $(wildcard tests/unit/*_test.c tests/unit/*/*_test.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(O)/%)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(O)/%)
TOOL_SRC := $(wildcard tests/tools/*.c)
TOOL_BIN := $(TOOL_SRC:tests/tools/%.c=$(O)/tools/%)
BENCH_SRC := $(wildcard tests/bench/*_bench.c)
BENCH_BIN := $(BENCH_SRC:%.c=$(O)/%)
BPF_TEST_SRC := $(wildcard tests/bpf/*_test.c)
BPF_TEST_BIN := $(BPF_TEST_SRC:%.c=$(O)/%)
C_FILES  := $(wildcard user/*.[ch] user/*/*.[ch] include/crosstap/*.h bpf/*.[ch] tests/*/*.[ch] tests/*/*/*.[ch])

# V=1 shows the commands.
Q   := $(if $(V),,@)
SAY  = $(if $(V),@:,@printf '  %-5s %s\n')

.PHONY: all deps check check-unit check-bpf check-fuzz check-golden check-e2e check-style check-kernels tidy tools \
	demo bench fuzz install deb clean help programs

all: $(O)/crosstap

help:
	@echo 'deps           install the Debian packages that the rest needs (root)'
	@echo 'all            build/crosstap'
	@echo 'check          everything: style, unit, golden, fuzz corpora, sanitizers, end to end'
	@echo 'check-kernels  boot older kernels under qemu with the built program'
	@echo 'demo           a nameserver, an InfluxDB and crosstap, live, for DEMO_SECONDS (30)'
	@echo 'bench          the numbers of the README; SAMPLE=file.fstrm takes your own capture'
	@echo 'fuzz           libFuzzer over every target for FUZZ_SECONDS (60) each'
	@echo 'install deb    into DESTDIR/PREFIX; a Debian package'

deps:
	scripts/deps

$(O)/gen/proto/dnstap.pb-c.c: proto/dnstap.proto
	@mkdir -p $(O)/gen
	$(SAY) GEN $@
	$(Q)protoc-c --c_out=$(O)/gen proto/dnstap.proto
$(O)/gen/proto/dnstap.pb-c.h: $(O)/gen/proto/dnstap.pb-c.c ;
$(O)/gen/proto/dnstap.pb-c.o: $(O)/gen/proto/dnstap.pb-c.c
	$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/gen/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst .,_,$*)_bpf > $@.tmp && mv $@.tmp $@
BPF_DEPS := $(wildcard bpf/*.bpf.[ch] include/crosstap/*.h vmlinux/*.h)
BPF_COMPILE = $(CLANG) -target bpf -mcpu=v2 -O2 -g -fno-strict-aliasing -Wall -Wextra -Werror -Wno-unused-parameter -Iinclude \
	-Ivmlinux -Ibpf -I/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<
$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_DEPS)
	@mkdir -p $(@D)
	$(SAY) BPF $@
	$(Q)$(BPF_COMPILE)
$(O)/bpf/%.bpf.o: tests/bench/%.bpf.c $(BPF_DEPS)
	@mkdir -p $(@D)
	$(SAY) BPF $@
	$(Q)$(BPF_COMPILE)

$(O)/gen/web_files.h: scripts/embed $(WEB_SRC)
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q)scripts/embed $(WEB_SRC) > $@.tmp && mv $@.tmp $@

GENERATED := $(O)/gen/proto/dnstap.pb-c.h $(SKELS) $(WEB_GEN)
$(O)/%.o: %.c | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/libcrosstap.a: $(LIB_OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^
$(O)/crosstap: $(O)/user/main.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(O)/tests/unit/%: $(O)/tests/unit/%.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
$(O)/tests/bpf/%: $(O)/tests/bpf/%.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# A fuzz target is linked with a driver that runs files; `make fuzz` builds it with libFuzzer instead.
$(O)/tests/fuzz/%_fuzz: $(O)/tests/fuzz/%_fuzz.o $(O)/tests/fuzz/driver.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/tests/bench/%: $(O)/tests/bench/%.o $(O)/tests/bench/workload.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lfstrm
$(O)/tools/%: $(O)/tests/tools/%.o $(O)/libcrosstap.a
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
tools: $(TOOL_BIN)
programs: $(UNIT_BIN) $(FUZZ_BIN) $(TOOL_BIN)

check-unit: $(UNIT_BIN)
	scripts/run-unit $(UNIT_BIN)
# Needs root and BPF.
check-bpf: $(BPF_TEST_BIN)
	for test in $(BPF_TEST_BIN); do $$test || exit 1; done
check-fuzz: $(FUZZ_BIN)
	scripts/run-corpora $(O)
check-e2e: all tools
	O=$(O) tests/e2e/run

# Packages first: what follows asks pkg-config when make starts.
demo:
	scripts/deps --demo
	$(MAKE) all $(O)/tools/dnsload
	O=$(O) scripts/demo

clean:
	rm -rf $(O)

.SECONDARY:
-include $(shell find $(O) -name '*.d' 2>/dev/null)
