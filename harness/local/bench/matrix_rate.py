"""How much arithmetic a device does in a second at best: dense matrix products, measured where the images are made.

A data sheet's rate is reached by no program, and by the same card under another power limit even less; what large
products of the same dtype reach on this very device is a bound that an image's arithmetic really stands under.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.local.bench.measured import Rate
from harness.local.clock import StageClock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import torch
    from diffusers import Flux2Transformer2DModel

_SQUARES = {"cuda": (2048, 4096, 8192), "mps": (1024, 2048, 4096), "cpu": (512, 1024, 2048)}
_DTYPES = {
    "cuda": ("bfloat16", "float16", "float32"),
    "mps": ("bfloat16", "float16", "float32"),
    "cpu": ("bfloat16", "float32"),
}
_SECONDS_PER_SHAPE = 0.4
_ROUNDS = 5

Product = tuple[int, int, int]
"""Rows, inner width and columns of a matrix product."""


def products_of(transformer: Flux2Transformer2DModel, tokens: int) -> list[Product]:
    """The matrix products of the transformer's blocks over `tokens` tokens, each shape once."""
    import torch

    linear = (m for m in transformer.modules() if isinstance(m, torch.nn.Linear))
    shapes = {(tokens, m.in_features, m.out_features) for m in linear}
    return sorted(shapes, key=lambda s: s[1] * s[2])[-4:]  # the widest; the rest is too small to be fast


def measure_all(device: str, products: Iterable[Product]) -> tuple[Rate, ...]:
    """`measure` in every dtype that a pipeline may use on this kind of device."""
    wanted = list(products)
    return tuple(measure(device, dtype, wanted) for dtype in _DTYPES[device.partition(":")[0]])


def measure(device: str, dtype: str, products: Iterable[Product] = ()) -> Rate:
    """The highest rate among square products of the device's kind and `products`; warm, each for tenths of a second."""
    squares = [(side, side, side) for side in _SQUARES[device.partition(":")[0]]]
    best: tuple[float, Product] | None = None
    try:
        for product in (*squares, *products):
            per_s = max(_rates(device, dtype, product))
            best = max(best, (per_s, product)) if best else (per_s, product)
    except RuntimeError as error:
        return Rate(dtype=dtype, per_s=None, refused=str(error).splitlines()[0])
    if best is None:
        return Rate(dtype=dtype, per_s=None, refused="nothing was multiplied")
    return Rate(dtype=dtype, per_s=best[0], shape=best[1])


def _rates(device: str, dtype: str, product: Product) -> Iterator[float]:
    import torch

    rows, inner, columns = product
    where = torch.device(device)
    kind = getattr(torch, dtype)
    # Values of ordinary size: a card draws less power, and so is faster, when it multiplies zeros.
    a = torch.randn(rows, inner, device=where, dtype=torch.float32).to(kind)
    b = torch.randn(inner, columns, device=where, dtype=torch.float32).to(kind)
    out = a @ b
    once_ms = _milliseconds(where, a, b, out, 1)
    repeats = max(1, min(1000, round(_SECONDS_PER_SHAPE * 1000 / _ROUNDS / max(once_ms, 1e-3))))
    for _ in range(_ROUNDS if once_ms < _SECONDS_PER_SHAPE * 1000 else 1):
        yield 2.0 * rows * inner * columns * repeats / (_milliseconds(where, a, b, out, repeats) / 1000)


def _milliseconds(where: torch.device, a: torch.Tensor, b: torch.Tensor, out: torch.Tensor, repeats: int) -> float:
    import torch

    clock = StageClock(where)
    with clock.stage("products"):
        for _ in range(repeats):
            torch.matmul(a, b, out=out)
    return clock.timings_ms()["products"]
