"""An endpoint: one model at one provider, reached over one protocol; pure data, read from TOML."""

from __future__ import annotations

import ipaddress
import re
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, field_validator, model_validator

from arena.domain.base import Value
from arena.domain.request import Delivery, GenerationRequest, ImageFormat, Mode, Size

ENDPOINT_ID = r"^[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*$"


KEY_HOST = r"(?i)(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?|localhost(:\d{1,5})?"
"""A host by name or address, all hosts below a domain of at least two parts, either with a port."""


def is_loopback(host: str) -> bool:
    """Whether a host is this machine; a name that only begins like one of its addresses is not."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Limits(Value):
    """What an endpoint accepts. `max_in_flight` is how many requests Arena keeps open there at most.

    `max_side_ratio` is the longer side divided by the shorter one. `max_input_bytes` bounds each input image,
    `result_lifetime_s` is for how long a result's address can be fetched.
    """

    max_in_flight: int = Field(default=4, ge=1, le=4096)
    requests_per_minute: float | None = Field(default=None, gt=0)
    min_side_px: int = Field(default=64, ge=1)
    max_side_px: int = Field(default=2048, ge=1)
    side_multiple_px: int = Field(default=1, ge=1)
    max_pixels: int | None = Field(default=None, ge=1)
    max_side_ratio: float | None = Field(default=None, ge=1)
    sizes: tuple[Size, ...] = ()
    formats: tuple[ImageFormat, ...] = tuple(ImageFormat)
    min_steps: int = Field(default=1, ge=1)
    max_steps: int = Field(default=500, ge=1)
    min_guidance: float = Field(default=0, ge=0)
    max_guidance: float = Field(default=100, ge=0)
    max_n: int = Field(default=1, ge=1)
    max_input_images: int = Field(default=1, ge=0)
    max_input_bytes: int | None = Field(default=None, ge=1)
    result_lifetime_s: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _least_below_most(self) -> Self:
        for name in ("side_px", "steps", "guidance"):
            least, most = f"min_{name}", f"max_{name}"
            if getattr(self, least) > getattr(self, most):
                raise ValueError(f"`{least}` is above `{most}`, so that nothing could be asked for")
        return self

    def objection(self, request: GenerationRequest) -> str | None:
        """Why a request cannot be made here, as the end of a sentence, or None if it can."""
        return (
            self._objection_to_size(request.size)
            or self._objection_to_format(request)
            or self._objection_to_counts(request)
        )

    def _objection_to_size(self, size: Size) -> str | None:
        if self.sizes and size not in self.sizes:
            return f"makes only the sizes {', '.join(map(str, self.sizes))}, not {size}"
        sides = (size.width_px, size.height_px)
        if min(sides) < self.min_side_px or max(sides) > self.max_side_px:
            return f"makes sides from {self.min_side_px} to {self.max_side_px} px, not {size}"
        if any(side % self.side_multiple_px for side in sides):
            return f"makes sides that are multiples of {self.side_multiple_px} px, not {size}"
        if self.max_pixels is not None and size.pixels > self.max_pixels:
            return f"makes at most {self.max_pixels} pixels, not {size} ({size.pixels})"
        if self.max_side_ratio is not None and max(sides) > self.max_side_ratio * min(sides):
            return f"makes no side more than {self.max_side_ratio:g} times as long as the other, not {size}"
        return None

    def _objection_to_format(self, request: GenerationRequest) -> str | None:
        if request.format not in self.formats:
            return f"makes {', '.join(self.formats)}, not {request.format}"
        return None

    def _objection_to_counts(self, request: GenerationRequest) -> str | None:
        if request.n > self.max_n:
            return f"makes at most {self.max_n} image(s) a call, not {request.n}"
        if request.steps is not None and not self.min_steps <= request.steps <= self.max_steps:
            return f"takes {self.min_steps} to {self.max_steps} steps, not {request.steps}"
        if request.guidance is not None and not self.min_guidance <= request.guidance <= self.max_guidance:
            return f"takes guidance from {self.min_guidance:g} to {self.max_guidance:g}, not {request.guidance:g}"
        return self._objection_to_inputs(request)

    def _objection_to_inputs(self, request: GenerationRequest) -> str | None:
        if len(request.images) > self.max_input_images:
            return f"takes at most {self.max_input_images} input image(s), not {len(request.images)}"
        largest = max((len(image.data) for image in request.images), default=0)
        if self.max_input_bytes is not None and largest > self.max_input_bytes:
            return f"takes input images of at most {self.max_input_bytes} bytes, not {largest}"
        return None


class Endpoint(Value):
    """One model at one provider.

    `protocol` names the adapter, `weights` the model that is served, in the same words at every provider (by default
    what follows the provider in the id), `account` what endpoints share whose provider counts requests over all of
    them together, `key_env` the environment variable that holds the credential (None: no key is
    sent). `key_hosts` are hosts beside the base URL's own that the key may be sent to over https: a name, a name with
    a port, or `*.example.com` for every host below a domain. `result_hosts` are hosts from which results may be
    downloaded although they are private or speak plain http. `options` belong to the protocol. `simulated` marks
    servers that only pretend; their figures are never pooled with real ones.
    """

    id: str = Field(pattern=ENDPOINT_ID, max_length=120)
    provider: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]*$")
    protocol: str
    model: str = Field(min_length=1)
    base_url: str
    weights: str | None = None
    account: str | None = None
    region: str | None = None
    modes: tuple[Mode, ...] = Field(default=(Mode.TEXT_TO_IMAGE,), min_length=1)
    key_env: str | None = Field(default=None, pattern=r"^[A-Z][A-Z0-9_]*$")
    simulated: bool = False
    delivery: Delivery = Delivery.INLINE
    poll_interval_s: float = Field(default=0.25, gt=0, le=60)
    timeout_s: float = Field(default=120, gt=0, le=3600)
    key_hosts: tuple[str, ...] = ()
    result_hosts: tuple[str, ...] = ()
    limits: Limits = Limits()
    options: dict[str, JsonValue] = Field(default_factory=dict)
    note: str = ""

    @property
    def family(self) -> str:
        """The name of the weights, whoever serves them: what a board of models counts together."""
        return self.weights or self.id.partition("/")[2] or self.id

    @field_validator("base_url")
    @classmethod
    def _http_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            _ = parts.port
        except ValueError as error:
            raise ValueError(f"a base URL must be a valid address: {error}") from None
        if parts.query or parts.fragment:
            raise ValueError("a base URL has neither a query nor a fragment")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("a base URL starts with https:// or http:// and names a host")
        if not parts.netloc.isascii():
            raise ValueError("a base URL names its host in ASCII; write it as `xn--…`, as browsers do")
        if parts.username or parts.password:
            raise ValueError("a base URL holds no user name or password; name the key's variable in key_env")
        return value.rstrip("/")

    @field_validator("key_hosts")
    @classmethod
    def _hosts_not_addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in value:
            if not re.fullmatch(KEY_HOST, pattern):
                raise ValueError(f"{pattern!r} is no host: write api.example.com, 127.0.0.1:8701 or *.example.com")
        return value

    @model_validator(mode="after")
    def _edits_can_be_told_their_images(self) -> Self:
        fields = self.options.get("fields")
        if Mode.EDIT in self.modes and isinstance(fields, dict) and fields.get("images") == "":
            raise ValueError(
                "`options.fields.images` is empty, so no edit can be asked for; leave `edit` out of `modes`"
            )
        return self

    @model_validator(mode="after")
    def _key_over_tls(self) -> Self:
        host = urlsplit(self.base_url).hostname or ""
        if self.key_env and self.base_url.startswith("http://") and not is_loopback(host):
            raise ValueError("a key is sent over https only (or over http to this machine)")
        return self
