"""Words in pictures: boards, posters and neon, and how letters go wrong."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from harness.sim.art.colours import WHITE, Colour, Palette, darker, from_hls, lighter, mix
from harness.sim.art.indoors import room

if TYPE_CHECKING:
    from harness.sim.art.canvas import Canvas
    from harness.sim.art.reading import Reading

_FONT_PX = 96


def garbled(words: str, canvas: Canvas) -> str:
    """`words` with letters swapped, doubled or lost; none at a quality above 0.85, most at 0."""
    wrong = max(0.0, 0.85 - canvas.quality) * 0.85
    letters: list[str] = []
    for letter in words:
        if letter.isspace() or canvas.rng.random() >= wrong:
            letters.append(letter)
            continue
        letters.append(
            canvas.rng.choice(("", letter * 2, canvas.rng.choice("aeosnrtliAEOSNRT"), canvas.rng.choice("HKMWXZQR")))
        )
    return "".join(letters)


def letters(
    canvas: Canvas,
    words: str,
    box: tuple[float, float, float, float],
    colour: Colour,
    glow: Colour | None = None,
) -> None:
    """Letter `words` as large as the box (left, top, right, bottom) allows, in lines that are centred."""
    left, top, right, low = box
    wide, high = max(8, int(right - left)), max(8, int(low - top))
    mask = _typeset(garbled(words, canvas) or "?", wide / high, canvas)
    scale = min(wide / mask.width, high / mask.height)
    mask = mask.resize((max(1, int(mask.width * scale)), max(1, int(mask.height * scale))), Image.Resampling.LANCZOS)
    at = (int((left + right - mask.width) / 2), int((top + low - mask.height) / 2))
    if glow is not None:
        halo = Image.new("L", (mask.width + 80, mask.height + 80))
        halo.paste(mask, (40, 40))
        small = halo.resize((halo.width // 4 + 1, halo.height // 4 + 1)).filter(ImageFilter.GaussianBlur(4))
        canvas.image.paste(glow, (at[0] - 40, at[1] - 40), small.resize(halo.size).point(lambda v: min(255, v * 1.5)))
    canvas.image.paste(colour, at, mask)


def _typeset(words: str, aspect: float, canvas: Canvas) -> Image.Image:
    """The words as a mask, broken into the lines that fill a box of this aspect best."""
    font = ImageFont.load_default(size=_FONT_PX)
    best = min(
        (
            [row for part in words.split("\n") for row in textwrap.wrap(part, width)] or [words]
            for width in {len(words), *range(4, min(40, len(words) + 1))}
        ),
        key=lambda lines: max(max(font.getlength(line) for line in lines) / aspect, len(lines) * _FONT_PX * 1.15),
    )
    sway = max(0.0, 0.8 - canvas.quality) * _FONT_PX * 0.2
    wide = max(font.getlength(line) for line in best)
    mask = Image.new("L", (int(wide + _FONT_PX * 0.6), int(len(best) * _FONT_PX * 1.15 + _FONT_PX * 0.3)))
    pen = ImageDraw.Draw(mask)
    for row, line in enumerate(best):
        x = (mask.width - font.getlength(line)) / 2
        for letter in line:
            y = row * _FONT_PX * 1.15 + canvas.rng.uniform(-sway, sway)
            pen.text((x, y), letter, font=font, fill=255, stroke_width=2)
            x += font.getlength(letter)
    return mask.crop(mask.getbbox() or (0, 0, mask.width, mask.height))


def sign(canvas: Canvas, reading: Reading, palette: Palette, _count: int) -> None:
    """A chalkboard, a neon sign or a printed poster with the words of the prompt."""
    words = reading.words or "OPEN"
    if "chalk" in reading.features:
        _chalkboard(canvas, reading, palette, words)
    elif "neon" in reading.features:
        _neon(canvas, palette, words)
    else:
        _poster(canvas, reading, palette, words)


def _frame(canvas: Canvas, share: float) -> tuple[float, float, float, float]:
    half_w, half_h = canvas.width * share / 2, canvas.height * share * 0.4
    x, y = canvas.width / 2, canvas.height * 0.45
    return x - half_w, y - half_h, x + half_w, y + half_h


def _inner(box: tuple[float, float, float, float], margin: float) -> tuple[float, float, float, float]:
    return box[0] + margin, box[1] + margin, box[2] - margin, box[3] - margin


def _chalkboard(canvas: Canvas, reading: Reading, palette: Palette, words: str) -> None:
    room(canvas, reading, palette, 0.84)
    box = _frame(canvas, 0.82)
    wood = from_hls(0.07, 0.38, 0.4)
    _slab(canvas, box, wood)
    board = _inner(box, canvas.unit * 0.032)
    canvas.pen.rectangle(board, fill=(44, 56, 52))
    for _ in range(canvas.detail(9)):
        x, y = canvas.rng.uniform(board[0], board[2]), canvas.rng.uniform(board[1], board[3])
        reach = canvas.unit * 0.1
        canvas.ellipse(
            min(max(x, board[0] + reach), board[2] - reach),
            y,
            reach,
            canvas.unit * 0.012,
            (220, 228, 220),
            14,
        )
    chalk = lighter(palette.accents[0], 0.75) if reading.colours else (238, 238, 228)
    letters(canvas, words, _inner(board, canvas.unit * 0.07), chalk)
    rule = board[3] - canvas.unit * 0.035
    canvas.line(
        [(board[0] + canvas.unit * 0.1, rule), (board[2] - canvas.unit * 0.1, rule)],
        (226, 200, 140),
        canvas.unit * 0.005,
        190,
    )


def _slab(canvas: Canvas, box: tuple[float, float, float, float], colour: Colour) -> None:
    left, top, right, low = box
    drop = canvas.unit * 0.02
    canvas.pen.rectangle((left + drop, top + drop, right + drop, low + drop), fill=(20, 16, 20, 90))
    canvas.polygon([(left, top), (right, top), (right, low), (left, low)], colour, shade=0.3)


def _neon(canvas: Canvas, palette: Palette, words: str) -> None:
    canvas.gradient((36, 28, 44), (20, 16, 30))
    brick_w, brick_h = canvas.unit * 0.11, canvas.unit * 0.045
    for row in range(int(canvas.height / brick_h) + 1):
        for column in range(-1, int(canvas.width / brick_w) + 1):
            x, y = column * brick_w + (row % 2) * brick_w / 2, row * brick_h
            tone = canvas.rng.randint(-6, 8)
            canvas.pen.rectangle((x, y, x + brick_w * 0.95, y + brick_h * 0.9), fill=(62 + tone, 42 + tone, 52 + tone))
    light = lighter(palette.accents[0], 0.2)
    canvas.glow(canvas.width / 2, canvas.height * 0.45, canvas.unit * 0.7, light, 0.4)
    letters(canvas, words, _frame(canvas, 0.78), lighter(light, 0.72), glow=light)


def _poster(canvas: Canvas, reading: Reading, palette: Palette, words: str) -> None:
    paper = mix(WHITE, palette.accents[-1], 0.14)
    canvas.gradient(paper, darker(paper, 0.06))
    x, y, unit = canvas.width / 2, canvas.height * 0.64, canvas.unit
    for k in range(canvas.detail(5, 2)):
        radius = unit * (0.34 - 0.06 * k)
        canvas.ellipse(x, y, radius, radius, palette.accents[k % 3] if k % 2 == 0 else paper)
    horizon = y + unit * 0.08
    canvas.polygon(
        [
            (0, canvas.height),
            (0, horizon + unit * 0.1),
            (canvas.width * 0.3, horizon - unit * 0.1),
            (canvas.width * 0.6, horizon + unit * 0.14),
            (canvas.width, horizon - unit * 0.02),
            (canvas.width, canvas.height),
        ],
        darker(palette.accents[2], 0.25),
    )
    canvas.polygon(
        [
            (0, canvas.height),
            (0, horizon + unit * 0.24),
            (canvas.width * 0.55, horizon + unit * 0.1),
            (canvas.width, horizon + unit * 0.22),
            (canvas.width, canvas.height),
        ],
        darker(palette.accents[0], 0.45),
    )
    ink = darker(palette.accents[0], 0.5) if reading.colours else darker(palette.accents[2], 0.6)
    letters(
        canvas,
        words,
        (canvas.width * 0.08, canvas.height * 0.05, canvas.width * 0.92, canvas.height * 0.31),
        ink,
    )


def caption(canvas: Canvas, words: str, palette: Palette) -> None:
    """A small wooden sign with `words`, in the foreground of any other picture."""
    left, right = canvas.width * 0.2, canvas.width * 0.8
    top, low = canvas.height * 0.76, canvas.height * 0.94
    post = canvas.unit * 0.016
    for x in (left + canvas.unit * 0.06, right - canvas.unit * 0.06):
        canvas.polygon(
            [(x - post, low), (x + post, low), (x + post, canvas.height), (x - post, canvas.height)],
            (104, 74, 54),
        )
    _slab(canvas, (left, top, right, low), mix((196, 160, 112), palette.accents[0], 0.12))
    letters(canvas, words, _inner((left, top, right, low), canvas.unit * 0.028), (52, 38, 34))
