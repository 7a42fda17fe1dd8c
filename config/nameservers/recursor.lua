-- SPDX-License-Identifier: BSD-2-Clause
-- PowerDNS Recursor 4.8 (Debian 12)
dnstapFrameStreamServer({"/run/crosstap/dnstap.sock"}, {logQueries=true, logResponses=true, inputQueueSize=16384, flushTimeout=1})
