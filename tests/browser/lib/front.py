# SPDX-License-Identifier: BSD-2-Clause
"""Stands before an agent as a proxy does: hands requests on, answers some itself with documents of a test, or not at all.
The page's files and header fields are always the agent's."""

import http.server
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HOP = {"connection", "keep-alive", "transfer-encoding", "date", "server", "content-length"}


class Front:
    """documents: {path: value, or callable(query) -> value}; a number is a status without a document."""

    def __init__(self, agent_port):
        self.agent = f"http://127.0.0.1:{agent_port}"
        self.documents, self.asked, self.urls, self.streams = {}, [], [], []
        self.gone = self.streaming = False
        self.statuses = {}  # what the agent answered last, by path
        front = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                front.answer(self)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, address: None  # browsers close connections as they like
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def close(self):
        self.gone = True
        self.server.shutdown()
        self.server.server_close()

    def answer(self, request):
        url = urllib.parse.urlsplit(request.path)
        self.asked.append((url.path, request.headers.get("Authorization")))
        self.urls.append(request.path)
        if self.gone:
            request.close_connection = True
            request.connection.close()
            return
        if url.path == "/api/v1/events" and self.streaming:
            self.stream(request)
            return
        document = self.documents.get(url.path)
        if callable(document):
            document = document(dict(urllib.parse.parse_qsl(url.query)))
        if document is None:
            self.hand_on(request)
        elif isinstance(document, int):
            self.send(request, document, [("Content-Type", "application/json")], b'{"error": "by the test"}')
        else:
            status, document = document if isinstance(document, tuple) else (200, document)
            self.send(request, status, [("Content-Type", "application/json")], json.dumps(document).encode())

    def send(self, request, status, fields, body):
        try:
            request.send_response(status)
            for name, value in fields:
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body)
        except OSError:
            pass

    def hand_on(self, request):
        fields = {name: value for name, value in request.headers.items() if name.lower() not in HOP | {"host"}}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.agent + request.path, headers=fields), timeout=60) as got:
                self.statuses[request.path] = got.status
                if got.headers.get_content_type() == "text/event-stream":
                    self.pass_on(request, got)
                    return
                status, headers, body = got.status, got.headers, got.read()
        except urllib.error.HTTPError as error:
            status, headers, body = error.code, error.headers, error.read()
        except OSError:
            request.close_connection = True
            request.connection.close()
            return
        self.send(request, status, [(n, v) for n, v in headers.items() if n.lower() not in HOP], body)

    def urls_of_a_window(self):
        """What the page asked for from its last question for the health but one to the last."""
        begins = [i for i, path in enumerate(self.urls) if path == "/healthz"]
        return [path for path in self.urls[begins[-2]:begins[-1]] if path != "/api/v1/events"]

    # -- server-sent events

    def pass_on(self, request, got):
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.end_headers()
        request.close_connection = True
        while not self.gone and (part := got.read1(65536)):
            request.wfile.write(part)
            request.wfile.flush()

    def stream(self, request):
        request.send_response(200)
        request.send_header("Content-Type", "text/event-stream")
        request.send_header("Connection", "close")
        request.end_headers()
        request.close_connection = True
        self.streams.append(request)
        while request in self.streams and not self.gone:
            time.sleep(0.05)

    def tell(self, kind, data):
        for request in list(self.streams):
            try:
                request.wfile.write(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())
                request.wfile.flush()
            except OSError:
                self.streams.remove(request)

    def hang_up(self):
        self.streams.clear()
