"""An image that was generated, named by the hash of its bytes; never a path."""

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
