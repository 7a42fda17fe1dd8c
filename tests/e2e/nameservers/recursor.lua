dnstapFrameStreamServer({"@SOCKET@"}, {logQueries=true, logResponses=true, flushTimeout=1})
