"""A real receiver of OTLP over HTTP on the loopback, which decodes what it is sent."""

import gzip
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

MESSAGES = {"/v1/traces": ExportTraceServiceRequest, "/v1/metrics": ExportMetricsServiceRequest}


class Receiver:
    """What arrived, decoded."""

    def __init__(self):
        self.raw, self.traces, self.metrics, self.at, self.status = [], [], [], [], 200

    @property
    def spans(self):
        return [s for t in self.traces for r in t.resource_spans for scope in r.scope_spans for s in scope.spans]

    @property
    def points(self):
        found = {}
        for message in self.metrics:
            for resource in message.resource_metrics:
                for metric in (m for scope in resource.scope_metrics for m in scope.metrics):
                    found.setdefault(metric.name, []).append(metric)
        return found


@contextmanager
def receiving():
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
            kept = receiver.traces if self.path == "/v1/traces" else receiver.metrics
            kept.append(MESSAGES[self.path].FromString(body))
            receiver.raw.append(body)
            receiver.at.append(datetime.now(UTC))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    receiver.port = server.server_port
    receiver.url = f"http://127.0.0.1:{receiver.port}"
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def values(attributes):
    """Attributes as plain values."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}
