-- SPDX-License-Identifier: BSD-2-Clause
-- dnsdist: every query, and every response, whether from a backend, the cache or dnsdist itself.
crosstap = newFrameStreamUnixLogger("/run/crosstap/dnstap.sock", {
	inputQueueSize = 16384, outputQueueSize = 256, bufferHint = 65536, flushTimeout = 1, reopenInterval = 1,
})
addAction(AllRule(), DnstapLogAction("dnsdist", crosstap))
addResponseAction(AllRule(), DnstapLogResponseAction("dnsdist", crosstap))
addCacheHitResponseAction(AllRule(), DnstapLogResponseAction("dnsdist", crosstap))
addSelfAnsweredResponseAction(AllRule(), DnstapLogResponseAction("dnsdist", crosstap))
