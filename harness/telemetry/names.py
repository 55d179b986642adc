"""What OpenTelemetry calls things: the semantic conventions for generative AI and for HTTP clients.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and
https://github.com/open-telemetry/semantic-conventions-genai; a test holds them against the published package, whose own
constants for generative AI are about to move. What has no name there begins with `arena.`.
"""

OPERATION_NAME = "gen_ai.operation.name"
PROVIDER_NAME = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_SEED = "gen_ai.request.seed"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
OUTPUT_TYPE = "gen_ai.output.type"
INPUT_MESSAGES = "gen_ai.input.messages"
OPERATION_DURATION = "gen_ai.client.operation.duration"

REQUEST_METHOD = "http.request.method"
RESPONSE_STATUS_CODE = "http.response.status_code"
RESPONSE_BODY_SIZE = "http.response.body.size"
URL_FULL = "url.full"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
PROTOCOL_NAME = "network.protocol.name"
PROTOCOL_VERSION = "network.protocol.version"
PEER_ADDRESS = "network.peer.address"
ERROR_TYPE = "error.type"
REQUEST_DURATION = "http.client.request.duration"

GENERATE_CONTENT = "generate_content"
"""The conventions' operation for content of any kind; there is none of its own for images."""
IMAGE = "image"

DURATION_BOUNDS_S = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""The buckets that the conventions ask for of an operation's duration."""
REQUEST_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""The same of an HTTP request's duration."""
