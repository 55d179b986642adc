"""An image that was generated: kept, and named by the hash of its bytes, or seen in passing; never a path."""

from pydantic import Field

from arena.domain.base import Value
from arena.domain.request import ImageFormat

SHA256 = r"^[0-9a-f]{64}$"


class Artifact(Value):
    """What was delivered: `size_bytes` as received, width and height as decoded."""

    sha256: str = Field(pattern=SHA256)
    format: ImageFormat
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    size_bytes: int = Field(ge=1)


class Glimpse(Value):
    """An image that was looked at in passing and not kept; `position` is its place among the images of its attempt.

    Its beginning says format and size, its end that it is whole; what lies between was not decoded.
    """

    position: int = Field(ge=0)
    format: ImageFormat
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    size_bytes: int = Field(ge=1)
