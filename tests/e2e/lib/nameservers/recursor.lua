dnstapFrameStreamServer({"@SOCKET@"}, {logQueries=true, logResponses=true, inputQueueSize=16384, flushTimeout=1})
