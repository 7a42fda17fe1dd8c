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
UNITDIR  ?= $(PREFIX)/lib/systemd/system
SANITIZE ?=
SYSROOT  ?=

PACKAGES := libbpf libxdp libprotobuf-c libmaxminddb libcurl yaml-0.1 libmicrohttpd gnutls libsystemd jansson \
	libmnl libcap-ng libseccomp ncursesw zlib libzstd liblzma libxxhash nettle libcbor rdkafka
OPT      ?= -O3 -g
WARN     := -Wall -Wextra -Werror -Wmissing-prototypes -Wshadow -Wvla
CFLAGS   += -std=gnu17 $(OPT) $(WARN) -pthread -fno-strict-aliasing -fstack-protector-strong
CPPFLAGS += -D_GNU_SOURCE -DCROSSTAP_VERSION='"$(VERSION)"' -Iuser -Iinclude -I$(O)/gen
LDFLAGS  += -pthread
# Each where the compiler has it: CET on x86, its like on arm64; frames over a page are touched page by page; registers that
# a function used are empty when it returns. The last costs 1.3 % of a replay's instructions: not on a frame's and a packet's way.
has       = $(shell $(CC) -Werror $(1) -x c -c -o /dev/null - </dev/null 2>/dev/null && echo $(1))
HARDEN   := -fPIE $(call has,-fcf-protection=full) $(call has,-mbranch-protection=standard) $(call has,-fstack-clash-protection)
CLEAR    := $(call has,-fzero-call-used-regs=used-gpr)
HOT      := user/dnstap/% user/stats/% user/zones/% user/wire/packet/% user/base/hash.c user/base/distinct.c
CFLAGS   += $(HARDEN)
LDFLAGS  += -pie -Wl,-z,relro,-z,now,-z,noexecstack
# Asked when it is used, not when make starts: `make deps all` installs what it asks for.
PKG_CFLAGS  = $(shell pkg-config --cflags $(PACKAGES) 2>/dev/null)
LDLIBS   += $(shell pkg-config --libs $(PACKAGES) 2>/dev/null) -lm
ifneq ($(SANITIZE),)
OPT      := -O1 -g
CFLAGS   += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDFLAGS  += -fsanitize=$(SANITIZE)
else
CPPFLAGS += $(if $(COVERAGE),,-D_FORTIFY_SOURCE=2)
CFLAGS   += $(if $(filter $(HOT),$<),,$(CLEAR))
endif

# Counts each line and branch that runs, in a file beside each object (gcov).
ifneq ($(COVERAGE),)
CPPFLAGS += -DCT_COUNTED
CFLAGS   += --coverage -fprofile-update=atomic
LDFLAGS  += --coverage -Wl,--wrap=_exit
endif

LIB_SRC  := $(filter-out user/main.c,$(shell find user -name "*.c"))
OTLP_PROTO := $(sort $(shell find proto/opentelemetry -name "*.proto"))
OTLP_GEN := $(OTLP_PROTO:proto/%.proto=$(O)/gen/%.pb-c.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(O)/%.o) $(O)/gen/proto/dnstap.pb-c.o $(OTLP_GEN:.c=.o) \
	$(if $(COVERAGE),$(O)/tests/coverage/exit.o)
BPF_SRC  := $(wildcard bpf/*.bpf.c tests/bench/*.bpf.c tests/tools/*.bpf.c tests/kernels/*.bpf.c)
SKELS    := $(patsubst %.bpf.c,$(O)/gen/%.skel.h,$(notdir $(BPF_SRC)))
WEB_SRC  := $(wildcard user/http/web/*.* user/http/web/doc/*)
MAN_SRC  := $(sort $(wildcard config/man/*.[1578]))
MAN_WEB  := $(patsubst config/man/%,$(O)/gen/web/doc/%.html,$(MAN_SRC)) $(O)/gen/web/doc/index.html
# The library that draws charts: Debian's libjs-dygraphs.
DYGRAPHS ?= /usr/share/javascript/dygraphs
WEB_MORE := $(O)/gen/web/dygraph.js $(patsubst config/nameservers/%,$(O)/gen/web/nameservers/%,$(filter-out %.md,$(wildcard config/nameservers/*)))
WEB_GEN  := $(if $(WEB_SRC),$(O)/gen/web_files.h)
UNIT_SRC := $(shell find tests/unit -name "*_test.c")
UNIT_BIN := $(UNIT_SRC:%.c=$(O)/%)
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_BIN := $(FUZZ_SRC:%.c=$(O)/%)
# What need not lead the fuzzer: wire/ leads `packet`, so not `pcap` too; what is written of a configuration that was taken says
# nothing about its text.
UNGUIDED := user/wire/counter/counter.c user/config/json.c
FUZZ_HELP := $(filter-out $(FUZZ_SRC) tests/fuzz/driver.c,$(wildcard tests/fuzz/*.c))
TOOL_SRC := $(filter-out %.bpf.c,$(wildcard tests/tools/*.c))
TOOL_BIN := $(TOOL_SRC:tests/tools/%.c=$(O)/tools/%)
BENCH_SRC := $(wildcard tests/bench/*_bench.c)
BENCH_BIN := $(BENCH_SRC:%.c=$(O)/%)
BPF_TEST_SRC := $(wildcard tests/bpf/*_test.c)
BPF_TEST_BIN := $(BPF_TEST_SRC:%.c=$(O)/%)
KERNEL_TEST_SRC := $(wildcard tests/kernels/*_test.c)
KERNEL_TEST_BIN := $(KERNEL_TEST_SRC:%.c=$(O)/%)
C_FILES  := $(shell find user include bpf tests -name "*.[ch]")

# V=1 shows the commands.
Q   := $(if $(V),,@)
SAY  = $(if $(V),@:,@printf '  %-5s %s\n')

.PHONY: all deps check check-all check-unit check-fuzz check-golden check-bpf check-e2e check-boot \
	check-clickhouse check-collector check-kafka check-container check-kernels check-kernels-all check-kernels-arm64 kernel-programs tidy tools \
	demo bench fuzz install install-systemd deb clean help programs install-root check-browser screenshot \
	check-simulation simulate soak fleet check-arm64 check-s390x check-dashboards analyze coverage coverage-all coverage-fuzz coverage-simulation \
	bench-peers check-bench bench-nameserver

all: $(O)/crosstap

help:
	@echo 'deps           install the Debian packages that the rest needs (root)'
	@echo 'all            build/crosstap'
	@echo 'check          everything: style, unit, golden, fuzz corpora, sanitizers, end to end'
	@echo 'simulate       the agent in a simulated world: SEEDS=n of them, or SEED=n with all that happens'
	@echo 'check-arm64 check-s390x  unit tests and reports of another processor, under qemu-user'
	@echo 'check-kernels  boot kernels under qemu with the built program: KERNELS="5.10 6.1 6.12 backports 6.12+forbidden"'
	@echo 'check-kernels-arm64  the same of that processor'
	@echo 'check-boot     play the installation of the README on a booted Debian 12 and 13; SUITE=bookworm on one'
	@echo 'check-clickhouse  send to ClickHouse'"'"'s engine (chDB, from PyPI)'
	@echo 'check-kafka    send to a broker of Apache Kafka (from Maven) that is killed in the middle'
	@echo 'fleet          AGENTS=20 of them, simulated, into InfluxDB, VictoriaMetrics and ClickHouse'"'"'s engine; figures for sizing'
	@echo 'check-collector  send to the OpenTelemetry Collector (needs Go)'
	@echo 'check-container  build the container image without a registry, and play it'
	@echo 'check-browser  open the status page in Chromium, in each of its states; screenshots in build/browser'
	@echo 'screenshot     config/screenshot.png: the status page while the demo runs'
	@echo 'soak           real nameservers, reloads, outages and kills for HOURS (1)'
	@echo 'demo           a nameserver, an InfluxDB and crosstap, live, for DEMO_SECONDS (60)'
	@echo 'bench          the numbers of tests/README.md; SAMPLE=file.fstrm takes your own capture'
	@echo 'bench-peers    the same stream to crosstap and to each other receiver of dnstap that is installed'
	@echo 'bench-nameserver  what Knot, NSD and BIND notice of crosstap, in each of its states'
	@echo 'check-bench    what bench-peers and bench-nameserver say, with stand-ins'
	@echo 'analyze        what cppcheck, clang-tidy and gcc -fanalyzer say; tidy: clang-tidy with all its checks'
	@echo 'coverage       lines and branches that tests run, by file, and why what is left is left; E2E= without end-to-end tests'
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

$(firstword $(OTLP_GEN)): $(OTLP_PROTO)
	@mkdir -p $(O)/gen
	$(SAY) GEN $(O)/gen/opentelemetry
	$(Q)protoc-c --proto_path=proto --c_out=$(O)/gen $(OTLP_PROTO)
$(wordlist 2,9,$(OTLP_GEN)): $(firstword $(OTLP_GEN)) ;
$(OTLP_GEN:.c=.o): %.o: %.c $(OTLP_GEN)
	$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(O)/gen/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q){ echo '/* NOLINTBEGIN */' && $(BPFTOOL) gen skeleton $< name $(subst .,_,$*)_bpf && echo '/* NOLINTEND */'; } > $@.tmp && mv $@.tmp $@
BPF_DEPS := $(wildcard bpf/*.bpf.[ch] include/crosstap/*.h vmlinux/*.h)
BPF_COMPILE = $(CLANG) -target bpf -mcpu=v2 -O2 -g -fno-strict-aliasing -Wall -Wextra -Werror -Iinclude \
	-Ivmlinux -Ibpf -I$(SYSROOT)/usr/include/$(shell $(CC) -print-multiarch) -c -o $@ $<
$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_DEPS)
	@mkdir -p $(@D)
	$(SAY) BPF $@
	$(Q)$(BPF_COMPILE)
$(O)/bpf/%.bpf.o: tests/bench/%.bpf.c $(BPF_DEPS)
	@mkdir -p $(@D)
	$(SAY) BPF $@
	$(Q)$(BPF_COMPILE)
$(O)/bpf/%.bpf.o: tests/kernels/%.bpf.c $(BPF_DEPS)
	@mkdir -p $(@D)
	$(SAY) BPF $@
	$(Q)$(BPF_COMPILE)
$(O)/bpf/%.bpf.o: tests/tools/%.bpf.c tests/tools/handshake_oracle.h
	@mkdir -p $(@D)
	$(SAY) BPF $@
	$(Q)$(BPF_COMPILE)

# The handbook as the agent shows it below /doc/.
$(O)/gen/web/doc/index.html: scripts/write-pages $(MAN_SRC)
	$(SAY) GEN $(@D)
	$(Q)scripts/write-pages $(@D) $(MAN_SRC)
# Minified already. Its source map is no part of the page.
$(O)/gen/web/dygraph.js: $(DYGRAPHS)/dygraph.min.js
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q)sed 's|^//# sourceMappingURL=.*||' $< > $@.tmp && mv $@.tmp $@
# What the page shows while no nameserver is connected.
$(O)/gen/web/nameservers/%: config/nameservers/%
	@mkdir -p $(@D)
	$(Q)cp $< $@
$(O)/gen/web_files.h: scripts/embed $(WEB_SRC) $(WEB_MORE) $(O)/gen/web/doc/index.html
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q)scripts/embed $(WEB_SRC) $(WEB_MORE) $(MAN_WEB) > $@.tmp && mv $@.tmp $@

SNIPPETS := $(filter-out %.md,$(wildcard config/nameservers/*))
$(O)/gen/nameserver_snippets.h: scripts/embed-texts $(SNIPPETS)
	@mkdir -p $(@D)
	$(SAY) GEN $@
	$(Q)scripts/embed-texts $(SNIPPETS) > $@.tmp && mv $@.tmp $@

GENERATED := $(O)/gen/proto/dnstap.pb-c.h $(OTLP_GEN) $(SKELS) $(WEB_GEN) $(O)/gen/nameserver_snippets.h
$(O)/%.o: %.c | $(GENERATED)
	@mkdir -p $(@D)
	$(SAY) CC $@
	$(Q)$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) $(if $(FUZZER),$(if $(filter $(UNGUIDED),$<),-fno-sanitize=fuzzer-no-link)) \
		-MMD -MP -c -o $@ $<

$(O)/libcrosstap.a: $(LIB_OBJ)
	@rm -f $@
	@$(AR) rcs $@ $^
$(O)/crosstap: $(O)/user/main.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Programs in which allocations fail (tests/unit/scarce.h).
SCARCE_BIN := $(patsubst %.c,$(O)/%,$(shell grep -rl '"../scarce.h"' tests/unit))
$(O)/tests/unit/stats/pending_test: LDFLAGS += -Wl,--wrap=pages_alloc,--wrap=pages_reserve
$(SCARCE_BIN): LDFLAGS += -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=reallocarray,--wrap=strdup,--wrap=arena_alloc
$(O)/tests/unit/%: $(O)/tests/unit/%.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
$(O)/tests/bpf/%: $(O)/tests/bpf/%.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(O)/tests/kernels/%: $(O)/tests/kernels/%.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# The agent in a world of its own (tests/simulation/simulation.h).
SIM_SRC := $(wildcard tests/simulation/*.c)
# What it defines as __wrap_NAME takes the place of NAME.
$(O)/tests/simulation/wrapped: $(SIM_SRC)
	@mkdir -p $(@D)
	@cat $^ | grep -o '__wrap_[A-Za-z0-9_]*' | sort -u | sed 's/__wrap_/-Wl,--wrap=/' > $@
$(O)/tests/simulation/simulation: $(SIM_SRC:%.c=$(O)/%.o) $(O)/libcrosstap.a $(O)/tests/simulation/wrapped
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) @$(@D)/wrapped -o $@ $(filter %.o %.a,$^) $(LDLIBS)
# A fuzz target is linked with a driver that runs files; `make fuzz` builds it with libFuzzer instead.
$(O)/tests/fuzz/%_fuzz: $(O)/tests/fuzz/%_fuzz.o $(FUZZ_HELP:%.c=$(O)/%.o) $(if $(FUZZER),,$(O)/tests/fuzz/driver.o) \
		$(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) $(if $(FUZZER),-fsanitize=fuzzer) -o $@ $^ $(LDLIBS)
$(O)/tests/bench/%: $(O)/tests/bench/%.o $(O)/tests/bench/workload.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lfstrm
# Many agents that push into real databases (tests/fleet/agents.c).
$(O)/tests/fleet/agents: $(O)/tests/fleet/agents.o $(O)/tests/bench/workload.o $(O)/libcrosstap.a
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -Wl,--wrap=http_post_send -o $@ $^ $(LDLIBS)
# See the file.
$(O)/tools/rssac002_replay: LDFLAGS += -Wl,--wrap=report_new,--wrap=report_window
$(O)/tools/%: $(O)/tests/tools/%.o $(O)/libcrosstap.a
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
# Loaded before the C library's: see the files.
$(O)/preload/%.so: tests/preload/%.c
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O1 -g $(WARN) -shared -fPIC -o $@ $<
$(O)/soak/%.so: tests/soak/%.c
	@mkdir -p $(@D)
	$(SAY) LINK $@
	$(Q)$(CC) -std=gnu17 -D_GNU_SOURCE -O1 -g $(WARN) -shared -fPIC -o $@ $<
tools: $(TOOL_BIN) $(O)/preload/one_failure.so
programs: $(UNIT_BIN) $(FUZZ_BIN) tools $(O)/tests/simulation/simulation

# Programs are made by all processors, tests run after them. What sanitizers find does not depend on the optimisation.
JOBS := $(shell nproc)
ASAN := SANITIZE=address,undefined OPT="-O1 -g"
TSAN := SANITIZE=thread OPT="-O1 -g"
# Packages first, in a make of its own: the others ask pkg-config when they start.
check:
	scripts/deps --build --check
	$(MAKE) check-all
check-all:
	scripts/check-style
	$(MAKE) -j$(JOBS) all $(UNIT_BIN) $(TOOL_BIN) $(BPF_TEST_BIN) $(O)/tests/simulation/simulation
	scripts/check-documents $(O)/crosstap
	$(MAKE) check-unit check-simulation check-golden
	scripts/check-hardening $(O)/crosstap config/systemd/crosstap.service
	$(MAKE) -j$(JOBS) O=$(O)/asan $(ASAN) all $(UNIT_SRC:%.c=$(O)/asan/%) $(FUZZ_SRC:%.c=$(O)/asan/%)
	$(MAKE) O=$(O)/asan $(ASAN) check-unit check-golden check-fuzz
	$(MAKE) -j$(JOBS) O=$(O)/tsan $(TSAN) $(UNIT_SRC:%.c=$(O)/tsan/%)
	$(MAKE) O=$(O)/tsan $(TSAN) check-unit
	$(MAKE) -j$(JOBS) O=$(O)/clang CC=clang OPT=-O1 all
	$(MAKE) -k check-bpf check-e2e

# gcc includes what is generated.
analyze:
	scripts/deps --build --analyze
	$(MAKE) $(GENERATED)
	scripts/analyze $(O)
# Without optimisation: a line stays a line. With all tests, those end to end as well, as root; E2E= leaves those out, in a
# quarter of the time, and holds nothing against the bars. What fails is said, and its lines count as far as they ran. Who
# may not write into the build folder says so on stderr, which tests read: any user may.
COVERAGE_SEEDS ?= 100
E2E ?= 1
coverage:
	scripts/deps --build --check --coverage
	find $(O)/coverage -name '*.gcda' -delete 2>/dev/null || true
	umask 0 && $(MAKE) -j$(JOBS) O=$(O)/coverage COVERAGE=1 CC=gcc OPT="-O0 -g" all programs \
		$(BPF_TEST_SRC:%.c=$(O)/coverage/%)
	-umask 0 && $(MAKE) -k O=$(O)/coverage COVERAGE=1 CC=gcc OPT="-O0 -g" UNIT_SECONDS=600 coverage-all
	@scripts/coverage $(O)/coverage $(if $(E2E),--whole)
# Of each parser by its fuzz target's corpus (tests/fuzz/parsers).
coverage-fuzz:
	scripts/deps --build --check --coverage
	$(MAKE) -j$(JOBS) O=$(O)/coverage COVERAGE=1 CC=gcc OPT="-O0 -g" $(FUZZ_SRC:%.c=$(O)/coverage/%)
	@scripts/coverage-fuzz $(O)/coverage
coverage-all: check-unit check-golden check-fuzz coverage-simulation $(if $(E2E),check-bpf check-e2e)
coverage-simulation: $(O)/tests/simulation/simulation
	$< 1 $(COVERAGE_SEEDS)
	$< --every write 7 1 4
	$< --every disk 7 1 4
	$< --every allocation 31 1 4

check-unit: $(UNIT_BIN)
	@scripts/run-unit $(UNIT_BIN)
check-golden: $(O)/crosstap $(O)/tools/rssac002_replay
	@O=$(O) tests/golden/run
	@O=$(O) tests/golden/run_captures
check-fuzz: $(FUZZ_BIN)
	@scripts/run-corpora $(O)
# SEED=n shows one; SEEDS=n plays more than is a part of `check`.
check-simulation simulate: $(O)/tests/simulation/simulation
	@scripts/simulate $(O) $(SEEDS)
check-bpf: $(BPF_TEST_BIN)
	@scripts/run-bpf $(BPF_TEST_BIN)
check-e2e: all tools
	O=$(O) tests/e2e/run
# With each compiler of the kernel side that this Debian has; user space is the same. KERNELS chooses (scripts/kernels).
KERNEL_CLANGS = $(sort $(notdir $(wildcard /usr/bin/clang-14 /usr/bin/clang-19)))
check-kernels:
	scripts/deps --build --kernels
	$(MAKE) check-kernels-all
check-kernels-all: $(KERNEL_CLANGS:%=check-kernels-%)
	@$(if $(KERNELS),KERNELS="$(KERNELS)") scripts/kernels $(foreach clang,$(KERNEL_CLANGS),$(clang)=$(O)/$(clang))
check-kernels-%:
	$(MAKE) -j$(JOBS) O=$(O)/$* CLANG=$* OPT=-O1 kernel-programs
kernel-programs: all $(BPF_TEST_BIN) $(KERNEL_TEST_BIN) $(O)/tools/dnsload $(O)/tools/clock_step $(O)/tools/refuse_bpf
# axe-core, which judges how accessible the page is, comes from npm where that is to be had.
check-browser:
	scripts/deps --browser
	$(MAKE) all $(O)/tools/dnsload
	O=$(O) tests/browser/run
# User space of another architecture under qemu-user: unit tests and reports of captures. s390x is big-endian.
FOREIGN_arm64 := aarch64
FOREIGN_s390x := s390x
# What its kernels are booted with, beside the program's libraries.
FOREIGN_TOOLS_arm64 := busybox-static dash fstrm-bin iproute2 knot knot-module-dnstap libxdp1 nftables util-linux
FOREIGN_ROOT = $(abspath $(O))/foreign/$(1)
FOREIGN_MAKE = PKG_CONFIG_SYSROOT_DIR=$(FOREIGN_ROOT) \
	PKG_CONFIG_LIBDIR=$(FOREIGN_ROOT)/usr/lib/$(FOREIGN_$(1))-linux-gnu/pkgconfig:$(FOREIGN_ROOT)/usr/share/pkgconfig \
	$(MAKE) -j$(JOBS) O=$(O)/$(1) SYSROOT=$(FOREIGN_ROOT) OPT=-O1 CC="$(FOREIGN_CC) --sysroot=$(FOREIGN_ROOT)"
FOREIGN_CC = $(FOREIGN_$(1))-linux-gnu-gcc
check-arm64 check-s390x: check-%:
	scripts/deps --build --foreign
	scripts/foreign $* $(O)/foreign/$* $(FOREIGN_TOOLS_$*)
	$(call FOREIGN_MAKE,$*) all $(O)/$*/tools/rssac002_replay $(UNIT_SRC:%.c=$(O)/$*/%)
	scripts/run-foreign $(FOREIGN_$*) $(O)/foreign/$* $(O)/$*
check-kernels-arm64:
	scripts/deps --build --kernels --foreign
	scripts/foreign arm64 $(O)/foreign/arm64 $(FOREIGN_TOOLS_arm64)
	$(call FOREIGN_MAKE,arm64) kernel-programs
	ARCHITECTURE=arm64 ROOT=$(O)/foreign/arm64 KERNELS="$(or $(KERNELS),6.1)" scripts/kernels $(notdir $(CLANG))=$(O)/arm64
# The OpenTelemetry Collector itself, from Go modules; no part of `check`, which has a receiver of its own.
check-collector: all
	scripts/collector $(abspath $(O))/collector
	COLLECTOR=$(abspath $(O))/collector O=$(O) PYTHONPATH=tests/e2e/lib python3 -B tests/collector/collector_test.py
# ClickHouse's engine of today, chDB from PyPI, behind the interface that check-e2e has a strict counterpart of.
check-clickhouse: all
	python3 -m venv $(O)/chdb
	$(O)/chdb/bin/pip install -q chdb
	O=$(O) PYTHONPATH=tests/e2e/lib $(O)/chdb/bin/python -B tests/clickhouse/engine_test.py
# A real broker, from Maven's jars (Kafka's own server, in Java), killed in the middle; a consumer in Python, from PyPI.
check-kafka: all
	scripts/deps --kafka
	scripts/kafka $(abspath $(O))/kafka
	O=$(O) PYTHONPATH=tests/e2e/lib:tests/kafka $(O)/kafka/venv/bin/python -B tests/kafka/kafka_test.py
# Many agents into one database of each kind: AGENTS=500, and what tests/fleet/fleet.py names.
STORES ?= influxdb,victoriametrics,clickhouse
FLEET_CHDB = $(findstring clickhouse,$(STORES))
fleet: all $(O)/tests/fleet/agents
	$(if $(FLEET_CHDB),python3 -m venv $(O)/chdb && $(O)/chdb/bin/pip install -q chdb)
	O=$(O) STORES=$(STORES) PYTHONPATH=tests/e2e/lib $(if $(FLEET_CHDB),$(O)/chdb/bin/python,python3) -B tests/fleet/fleet.py
# Every query of the dashboards, of databases that a run filled; no part of `check`: building InfluxDB takes minutes, once.
check-dashboards:
	scripts/deps --build --check
	$(MAKE) check-dashboards-all
check-dashboards-all: all $(O)/tools/dnsload
	scripts/dashboard-tools $(O)/dashboards
	scripts/write-dashboards --check $(O)/crosstap
	$(O)/dashboards/dashboards config/grafana/*/*.json
	PYTHONPATH=tests/e2e/lib python3 -B tests/dashboards/form_test.py
	FLUX=$(abspath $(O))/dashboards/influxd O=$(O) PYTHONPATH=tests/e2e/lib python3 -B tests/dashboards/dashboards_test.py
# HOURS=n, also 0.02; SOAK_SEED=n plays the same course again.
HOURS ?= 1
soak:
	scripts/deps --build --check
	$(MAKE) -j$(JOBS) all tools $(O)/soak/scarce_malloc.so $(O)/soak/dnstap_account.so
	@scripts/soak $(abspath $(O)) $(HOURS) $(SOAK_SEED)
tidy: all
	scripts/tidy $(O)

# Each target for FUZZ_SECONDS, beginning with its corpus; what it finds stays in build/fuzz/found.
FUZZ_SECONDS ?= 60
fuzz:
	$(MAKE) -j$(JOBS) O=$(O)/fuzz CC="$(FUZZ_CC)" OPT="-O2 -g" SANITIZE=address,undefined,fuzzer-no-link FUZZER=1 \
		$(FUZZ_SRC:%.c=$(O)/fuzz/%)
	scripts/fuzz $(O)/fuzz $(FUZZ_SECONDS)
FUZZ_CC ?= clang

demo:
	scripts/deps --demo
	$(MAKE) all $(O)/tools/dnsload
	O=$(O) scripts/demo

screenshot:
	scripts/deps --demo --browser
	$(MAKE) all $(O)/tools/dnsload
	O=$(O) scripts/screenshot config/screenshot.png

# SAMPLE=file.fstrm: with your own capture.
BENCH_ROUNDS ?= 7
bench:
	scripts/deps --build --check
	$(MAKE) all $(BENCH_BIN) $(O)/bpf/nothing.bpf.o $(O)/tests/bench/dnstap_send $(O)/tests/bench/dnstap_produce $(O)/tools/dnsload
	scripts/bench $(O) $(BENCH_ROUNDS) $(SAMPLE)

# Other receivers of dnstap beside crosstap, those that are installed; PEERS=--short is a pass of seconds, PEERS=--operator
# prints the rows of the README's table.
bench-peers:
	scripts/deps --build --check
	$(MAKE) all $(O)/tests/bench/dnstap_produce
	scripts/peers $(O) $(PEERS)
# What a nameserver notices of crosstap, in three quarters of an hour; NAMESERVER=--short is a pass of minutes.
bench-nameserver:
	scripts/deps --build --check
	$(MAKE) all $(O)/tests/bench/dnstap_produce $(O)/tools/dnsload
	scripts/bench-nameserver $(O) $(NAMESERVER)
# What both say, with stand-ins; and that what the wire costs can be measured.
check-bench: all $(O)/tests/bench/dnstap_produce $(O)/bpf/nothing.bpf.o $(O)/tools/dnsload
	python3 -B tests/bench/peers/peers_test.py $(O)
	python3 -B tests/bench/nameserver/summary_test.py
	python3 -B tests/bench/wire_cost $(O) 1

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/man/man5 \
		$(DESTDIR)$(PREFIX)/share/man/man7 $(DESTDIR)$(PREFIX)/share/crosstap/prometheus \
		$(DESTDIR)$(PREFIX)/share/doc/crosstap/nameservers $(DESTDIR)$(PREFIX)/share/doc/crosstap/examples \
		$(DESTDIR)$(PREFIX)/share/doc/crosstap/apparmor $(DESTDIR)$(PREFIX)/share/crosstap/grafana \
		$(DESTDIR)$(PREFIX)/share/crosstap/clickhouse \
		$(DESTDIR)/etc/crosstap $(DESTDIR)/etc/logrotate.d
	install -m 755 $(O)/crosstap $(DESTDIR)$(PREFIX)/bin/
	install -m 644 config/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 config/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 644 config/man/*.7 $(DESTDIR)$(PREFIX)/share/man/man7/
	install -m 644 config/prometheus/*.yml $(DESTDIR)$(PREFIX)/share/crosstap/prometheus/
	install -m 644 config/clickhouse/*.sql $(DESTDIR)$(PREFIX)/share/crosstap/clickhouse/
	install -m 644 config/prometheus/*.html README.md LICENSE $(DESTDIR)$(PREFIX)/share/doc/crosstap/
	install -m 644 config/nameservers/* $(DESTDIR)$(PREFIX)/share/doc/crosstap/nameservers/
	test -e $(DESTDIR)/etc/crosstap/crosstap.yaml || \
		install -m 640 config/crosstap.yaml $(DESTDIR)/etc/crosstap/
	install -m 644 config/systemd/packet-sockets.conf $(DESTDIR)$(PREFIX)/share/doc/crosstap/examples/
	install -m 644 config/apparmor/* $(DESTDIR)$(PREFIX)/share/doc/crosstap/apparmor/
	install -m 644 config/logrotate/crosstap $(DESTDIR)/etc/logrotate.d/
	install -m 644 config/grafana/*.yaml $(DESTDIR)$(PREFIX)/share/crosstap/grafana/
	for language in influxql flux promql; do \
		install -d $(DESTDIR)$(PREFIX)/share/crosstap/grafana/$$language; \
		install -m 644 config/grafana/$$language/*.json $(DESTDIR)$(PREFIX)/share/crosstap/grafana/$$language/; \
	done
	install -D -m 644 config/completion/crosstap.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/crosstap
	install -D -m 644 config/completion/_crosstap $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions/_crosstap
	install -D -m 644 config/completion/crosstap.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/crosstap.fish
	install -m 755 scripts/rssac002-merge scripts/fleet-sources $(DESTDIR)$(PREFIX)/bin/
# The unit's own root, folders for systemd to mount upon (it could not make them where /usr is read-only), and who may ask by ICMP.
ROOT_FOLDERS = bin dev etc lib lib64 media mnt opt proc root run sbin srv sys tmp usr var
install-root:
	install -d $(DESTDIR)$(PREFIX)/lib/sysctl.d $(addprefix $(DESTDIR)$(PREFIX)/lib/crosstap/root/,$(ROOT_FOLDERS))
	install -m 644 config/systemd/crosstap.sysctl $(DESTDIR)$(PREFIX)/lib/sysctl.d/50-crosstap.conf
# The user, the group, the folder of the sockets, and the units; a Debian package has debhelper do it.
install-systemd: install install-root
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
	sed 's|@PREFIX@|$(PREFIX)|' config/systemd/crosstap.service > $(DESTDIR)$(UNITDIR)/crosstap.service
	install -m 644 config/systemd/crosstap.socket config/systemd/crosstap@.socket $(DESTDIR)$(UNITDIR)/
	install -m 644 config/systemd/crosstap.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/crosstap.conf
	install -m 644 config/systemd/crosstap.tmpfiles $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/crosstap.conf
deb:
	scripts/deps --package
	scripts/package $(O) $(VERSION)

# The README's installation on booted Debians.
SUITE ?= bookworm trixie
check-boot:
	scripts/deps --package --boot
	scripts/boot $(O) $(VERSION) $(SUITE)

# The image of config/container on a base from debootstrap; some minutes, most of them for the compilers in the builder.
check-container:
	scripts/deps --container
	scripts/container

clean:
	rm -rf $(O)

.SECONDARY:
# Not those of another processor's packages (scripts/foreign), of which some have such names.
-include $(shell find $(O) -name foreign -prune -o -type f -name '*.d' -print 2>/dev/null)
