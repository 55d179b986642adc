"""What a prompt asks for, found by spotting words in it."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

from harness.sim.art.colours import NAMED

Subject = Literal["landscape", "city", "portrait", "still_life", "animal", "space", "flowers", "abstract", "sign"]
Light = Literal["day", "dusk", "night", "fog"]

_SUBJECTS: dict[Subject, str] = {
    "sign": (
        r"sign|signs|poster|chalkboard|blackboard|billboard|banner|logo|headline|cover|menu|typography|letter\w*"
        r"|window|board|label|ticket|page"
    ),
    "animal": (
        r"cats?|kittens?|dogs?|pupp\w+|fox\w*|rabbits?|bunn\w+|bears?|wolf|wolves|owls?|mouse|mice|animals?"
        r"|tigers?|lions?"
    ),
    "space": r"space|planets?|galaxy|galaxies|astronauts?|rockets?|cosmos|orbit\w*|nebula\w*|saturn|mars",
    "flowers": r"flowers?|roses?|tulips?|daisy|daisies|sunflowers?|bouquets?|blossoms?|orchids?",
    "portrait": (
        r"portraits?|wom[ae]n|m[ae]n|person|people|girls?|boys?|faces?|baristas?|children|child|friends|musicians?"
        r"|chefs?|sailors?|figures?|grandmothers?|grandfathers?|dancers?|fisherm[ae]n|headshot|hands?"
    ),
    "still_life": (
        r"bottles?|vases?|cups?|mugs?|apples?|fruits?|oranges|lemons?|pears?|jars?|perfumes?|products?|glass\w*|teapots?"
        r"|candles?|bowls?|still\slife|tables?|coffee|tea|cakes?|lamps?|books?|balls?|spheres?|cubes?|marbles?|cylinders?"
    ),
    "city": (
        r"cit(?:y|ies)|streets?|buildings?|skylines?|towers?|downtown|skyscrapers?|alleys?|cafes?"
        r"|café|market|bridge|architecture|tokyo|paris|york|facade|interior|kitchen|room|cars?|neon"
    ),
    "abstract": (r"abstract|shapes?|patterns?|geometric|textures?|gradients?|mosaic|circles?|triangles?|squares?"),
    "landscape": (
        r"landscapes?|houses?|cottages?|cabins?|village|farms?|mountains?|hills?|valleys?|lakes?|seas?|ocean|beach|forests?|trees?|rivers?|sunset|sunrise|fields?"
        r"|meadows?|desert|dunes?|islands?|waterfall|sky|balloons?|boats?|sailboats?|lighthouse|cliffs?|snow\w*|garden"
    ),
}

_LIGHTS: dict[Light, str] = {
    "night": r"night|midnight|moon\w*|stars?|starry|dark|neon|nocturnal",
    "dusk": r"dusk|sunset|sunrise|dawn|golden\shour|evening|twilight",
    "fog": r"fog\w*|mist\w*|hazy|overcast|rain\w*|storm\w*",
}

_FEATURES: dict[str, str] = {
    "mountain": r"mountains?|alps|peaks?|alpine|cliffs?|fjords?",
    "water": (
        r"lakes?|seas?|ocean|beach|rivers?|waterfall|harbou?r|coast\w*|islands?|boats?|sailboats?|fjords?"
        r"|lighthouse|water|pond"
    ),
    "trees": r"trees?|forests?|woods?|pines?|garden|park|jungle|grove",
    "snow": r"snow\w*|winter|frost\w*|ice|icy|blizzard",
    "rain": r"rain\w*|storm\w*|wet",
    "autumn": r"autumn|fall|october|harvest",
    "desert": r"desert|dunes?|sahara|canyon",
    "beach": r"beach|sand\w*",
    "balloon": r"balloons?",
    "boat": r"boats?|sailboats?|ships?|yachts?",
    "bird": r"birds?|gulls?|swallows?|geese|flock",
    "lighthouse": r"lighthouses?",
    "house": r"houses?|cottages?|cabins?|huts?|village|farm\w*|barn",
    "village": r"village|houses|cottages|cabins",
    "glasses": r"glasses|spectacles|sunglasses",
    "hat": r"hats?|caps?|beret|helmet",
    "beard": r"beard\w*",
    "old": r"old|elderly|grandmother|grandfather|wrinkled",
    "bottle": r"bottles?|perfumes?|wine",
    "vase": r"vases?|jars?|pottery",
    "cup": r"cups?|mugs?|coffee|tea|espresso|latte",
    "fruit": r"apples?|fruits?|oranges|lemons?|pears?|cherr\w+",
    "ball": r"balls?|spheres?|marbles?",
    "cube": r"cubes?|box\w*|blocks?",
    "candle": r"candles?",
    "book": r"books?",
    "dog": r"dogs?|pupp\w+",
    "fox": r"fox\w*|wolf|wolves",
    "rabbit": r"rabbits?|bunn\w+",
    "bear": r"bears?|mouse|mice|panda",
    "rocket": r"rockets?|spaceships?",
    "chalk": r"chalk\w*|blackboard|menu",
    "neon": r"neon",
    "wood": r"wood\w*|rustic",
    "mono": r"black[\s-]and[\s-]white|monochrome|greyscale|grayscale",
    "warm": r"warm\w*|cozy|cosy|sunny|golden",
    "sun": r"sun|sunny|sunshine",
    "moon": r"moon\w*",
}

_NUMBERS = {
    "one": 1,
    "single": 1,
    "two": 2,
    "pair": 2,
    "three": 3,
    "trio": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
}

_FALLBACK: tuple[Subject, ...] = ("landscape", "abstract", "city", "still_life", "landscape")
_QUOTED = re.compile(r"\"([^\"]{1,160})\"|“([^”]{1,160})”|«([^»]{1,160})»|(?<!\w)'([^']{1,160})'(?!\w)|‘([^’]{1,160})’")


@dataclass(frozen=True)
class Reading:
    """A prompt as it is understood; `words` is what is to be lettered, `count` how many things."""

    subject: Subject
    light: Light
    count: int | None
    colours: tuple[str, ...]
    features: frozenset[str]
    words: str


def digest_int(*parts: object) -> int:
    """A whole number that depends on the parts alone, the same in every process."""
    return int.from_bytes(hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest(), "big")


def read(prompt: str) -> Reading:
    """Spot subject, light, number, colours and words in `prompt`; its hash decides the rest."""
    quotes = (next(filter(None, found.groups()), "") for found in _QUOTED.finditer(prompt))
    words = "\n".join(quote.strip() for quote in quotes)
    text = _QUOTED.sub(" ", prompt).lower()
    spoken = re.findall(r"[a-z]+", text.replace("golden hour", "").replace("black and white", ""))
    return Reading(
        subject=_subject(text, words, prompt),
        light=next((light for light, words_of in _LIGHTS.items() if _has(words_of, text)), "day"),
        count=_count(text),
        colours=tuple(dict.fromkeys(word for word in spoken if word in NAMED)),
        features=frozenset(name for name, pattern in _FEATURES.items() if _has(pattern, text)),
        words=words,
    )


def _has(pattern: str, text: str) -> bool:
    return re.search(rf"\b(?:{pattern})\b", text) is not None


def _subject(text: str, words: str, prompt: str) -> Subject:
    """The subject whose word comes first, for the thing that a picture is of is usually named first."""
    if words and _has(_SUBJECTS["sign"], text):
        return "sign"
    found = [
        (match.start(), subject)
        for subject, pattern in _SUBJECTS.items()
        if subject != "sign" and (match := re.search(rf"\b(?:{pattern})\b", text))
    ]
    if found:
        return min(found)[1]
    if words or _has(_SUBJECTS["sign"], text):
        return "sign"
    return _FALLBACK[digest_int("subject", prompt) % len(_FALLBACK)]


def _count(text: str) -> int | None:
    for word in re.findall(r"[a-z]+|\d+", text):
        if word in _NUMBERS:
            return _NUMBERS[word]
        if word.isdigit() and 1 <= int(word) <= 12:
            return int(word)
    return None
