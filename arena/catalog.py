"""Reads the project's data files - prompt sets, plans, endpoints, prices - and says precisely what is wrong in them.

Shipped files come from the `prompts` package: one a vendor in `providers/`, with its `[[endpoint]]`, `[[price]]` and
simulated `[[contender]]` tables. A directory of one's own (`ARENA_CONFIG_DIR`) adds to them and overrides endpoints by
id; beside `providers/` it may hold one `endpoints.toml` and one `prices.toml`. Every complaint names the file, the
entry and the field, and suggests the nearest known name.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

import prompts as shipped
from arena.domain.endpoint import Endpoint
from arena.domain.plan import Plan
from arena.domain.prompt import Prompt, PromptSet
from arena.errors import ConfigError, UnknownNameError, nearest
from arena.pricing import PriceBook, PriceCard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

M = TypeVar("M", bound=BaseModel)
NOT_PROMPT_SETS = frozenset({"endpoints.toml", "prices.toml", "watch.toml"})
MOST_REASON_CHARACTERS = 300
TABLES = ("endpoint", "price", "contender")


class Catalog:
    """All data files, read on demand."""

    def __init__(self, config_dir: Path | None = None, *, environ: Mapping[str, str] | None = None) -> None:
        if config_dir is not None and not config_dir.is_dir():
            raise ConfigError(f"ARENA_CONFIG_DIR: {config_dir} is no directory")
        self._roots = [shipped.ROOT] if config_dir is None else [config_dir, shipped.ROOT]
        self._environ = os.environ if environ is None else environ

    # -- endpoints and prices ---------------------------------------------------------------------------------------

    def endpoints(self) -> dict[str, Endpoint]:
        """Every known endpoint by id; one's own definitions win over shipped ones."""
        found: dict[str, Endpoint] = {}
        for path in self._files():
            entries = read_tables(path)["endpoint"]
            ids = [str(entry["id"]) for entry in entries if "id" in entry]
            _refuse_duplicates(path, "endpoint", ids)
            for entry in entries:
                if isinstance(entry.get("base_url"), str):
                    entry["base_url"] = self._expand(entry["base_url"], path)
                endpoint = parse(Endpoint, entry, f"{path}: endpoint {entry.get('id', '(no id)')}")
                found.setdefault(endpoint.id, endpoint)
        return found

    def select_endpoints(self, ids: Iterable[str], where: str) -> list[Endpoint]:
        """The named endpoints, in order; a name may be a pattern such as `sim/*`, which stands for all that match.

        UnknownNameError for a name that is not there, and for a pattern that matches nothing.
        """
        known = self.endpoints()
        chosen: dict[str, Endpoint] = {}
        for name in ids:
            found = [i for i in known if fnmatchcase(i, name)] if set("*?[") & set(name) else [name]
            if not found or found[0] not in known:
                raise UnknownNameError("endpoint", name, known, where)
            chosen |= {i: known[i] for i in found}
        return list(chosen.values())

    def prices(self) -> PriceBook:
        """The price book: every dated card. One's own cards of an endpoint replace all shipped ones of it."""
        known, found = self.endpoints(), dict[str, list[PriceCard]]()
        for root in self._roots:
            here: dict[str, list[PriceCard]] = {}
            for path in _data_files(root):
                for entry in read_tables(path)["price"]:
                    card = parse(PriceCard, entry, f"{path}: price of {entry.get('endpoint')}")
                    if card.endpoint not in known:
                        raise UnknownNameError("endpoint", card.endpoint, known, f"{path}: price")
                    if any(c.from_date == card.from_date for c in here.get(card.endpoint, [])):
                        raise ConfigError(f"{path}: {card.endpoint} has two prices from {card.from_date}; keep one")
                    here.setdefault(card.endpoint, []).append(card)
            found = here | found
        return PriceBook(card for cards in found.values() for card in cards)

    # -- prompts ------------------------------------------------------------------------------------------------------

    def support(self) -> dict[str, dict[str, dict[str, str]]]:
        """How the shipped endpoints take each field of a request: endpoint, field, then `how`, `as` and `note`.

        Written by `make docs` from the adapters; of an endpoint of one's own `arena providers show` tells.
        """
        told: dict[str, dict[str, dict[str, str]]] = json.loads((shipped.ROOT / "support.json").read_text("utf-8"))
        return told

    def prompt_files(self) -> list[Path]:
        """Every prompt set file, one's own first."""
        return [p for root in self._roots for p in sorted(root.glob("*.toml")) if p.name not in NOT_PROMPT_SETS]

    def prompt_sets(self) -> dict[str, PromptSet]:
        """Every prompt set by name."""
        sets: dict[str, PromptSet] = {}
        for path in self.prompt_files():
            prompt_set = read_prompt_set(path)
            sets.setdefault(prompt_set.name, prompt_set)
        return sets

    def select_prompts(self, plan: Plan, where: str) -> list[Prompt]:
        """The prompts that a plan selects, in the order of their sets; ConfigError if there is none."""
        wanted, sets = plan.prompts, self.prompt_sets()
        chosen: list[Prompt] = list(wanted.own)
        for name in wanted.sets:
            if name not in sets:
                raise UnknownNameError("prompt set", name, sets, f"{where}: prompts.sets")
            chosen += sets[name].prompts
        _refuse_duplicates(Path(where), "prompt", [p.id for p in chosen])
        ids = {p.id for p in chosen}
        unknown = next((i for i in wanted.ids if i not in ids), None)
        if unknown is not None:
            raise UnknownNameError("prompt", unknown, ids, f"{where}: prompts.ids")
        chosen = [
            p
            for p in chosen
            if (not wanted.ids or p.id in wanted.ids)
            and (not wanted.categories or p.category in wanted.categories)
            and (not wanted.tags or set(p.tags) & set(wanted.tags))
            and (not wanted.modes or p.mode in wanted.modes)
        ]
        if not chosen:
            raise ConfigError(f"{where}: prompts selects no prompt at all; widen ids, categories, tags or modes")
        return [self._with_hashes(p) for p in (chosen if wanted.limit is None else spread(chosen, wanted.limit))]

    def _with_hashes(self, prompt: Prompt) -> Prompt:
        hashes = tuple(hashlib.sha256(self.source_path(name).read_bytes()).hexdigest() for name in prompt.sources)
        return prompt.model_copy(update={"source_sha256": hashes}) if hashes else prompt

    def source_path(self, name: str) -> Path:
        """Path of an edit prompt's input image; ConfigError if it is not there or leaves its directory."""
        for root in self._roots:
            path = (root / "sources" / name).resolve()
            if path.is_relative_to((root / "sources").resolve()) and path.is_file():
                return path
        raise ConfigError(f"prompts/sources/{name}: there is no such source image")

    # -- plans --------------------------------------------------------------------------------------------------------

    def plan(self, name_or_path: str) -> tuple[Plan, str]:
        """A plan by file or by the name of a shipped one, and where it was read."""
        path = Path(name_or_path)
        if not path.is_file():
            known = {p.stem: p for root in reversed(self._roots) for p in sorted((root / "plans").glob("*.toml"))}
            if name_or_path not in known:
                raise UnknownNameError("plan (file or name)", name_or_path, known, "plan")
            path = known[name_or_path]
        return parse(Plan, read_toml(path), str(path)), str(path)

    def schedule_files(self) -> list[list[Path]]:
        """The files of schedules, one's own before the shipped ones."""
        return [sorted((root / "schedules").glob("*.toml")) for root in self._roots]

    # -- internals ----------------------------------------------------------------------------------------------------

    def _files(self) -> list[Path]:
        return [path for root in self._roots for path in _data_files(root)]

    def _expand(self, text: str, path: Path) -> str:
        """`${NAME}` and `${NAME:-default}` from the environment, so that a host can differ between machines."""

        def value(match: re.Match[str]) -> str:
            found = self._environ.get(match[1]) or match[2]
            if found is None:
                raise ConfigError(f"{path}: base_url needs the environment variable {match[1]}, which is not set")
            return found

        return re.sub(r"\$\{([A-Z][A-Z0-9_]*)(?::-([^}]*))?\}", value, text)


def read_prompt_set(path: Path) -> PromptSet:
    """One prompt set file; ConfigError names the prompt and the field that is wrong."""
    data = read_toml(path)
    entries = data.get("prompts", [])
    if isinstance(entries, list):
        if not entries:
            raise ConfigError(f"{path}: the prompt set is empty; add at least one [[prompts]] table")
        _refuse_duplicates(path, "prompt", [str(e.get("id")) for e in entries if isinstance(e, dict)])
    return parse(PromptSet, data, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """The file's tables; ConfigError with line and column if it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except RecursionError:
        raise ConfigError(f"{path}: is nested too deep to be read") from None
    except ValueError as error:  # tomllib's own, or of a number of thousands of digits
        raise ConfigError(f"{path}: is not valid TOML: {str(error)[:MOST_REASON_CHARACTERS]}") from None


def parse(model: type[M], data: object, where: str) -> M:
    """`data` as a `model`, or ConfigError with one sentence about the first thing that is wrong in it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)
        # A default that is made from other fields is not made where one of them is wrong, which is no second problem.
        problems = [p for p in told if p["type"] != "default_factory_not_called"]
        # A misspelt field explains the "is required" that comes with it, so it is what the operator hears first.
        first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise ConfigError(f"{where}: {_sentence(model, first)}{more}") from None


def _sentence(model: type[BaseModel], problem: Any) -> str:
    field = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        *parents, name = problem["loc"]
        return f"there is no field `{field}`{nearest(str(name), _fields(model, parents))}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    if problem["type"] == "missing":
        message = "is required"
    return f"`{field}`: {message}" if field else message


def _fields(model: type[BaseModel], parents: list[str | int]) -> list[str]:
    """Field names of the (possibly nested) model in which an unknown field was found."""
    current: Any = model
    for part in parents:
        if isinstance(part, int):
            continue
        annotation = current.model_fields[part].annotation if part in getattr(current, "model_fields", {}) else None
        current = next((a for a in _flatten(annotation) if hasattr(a, "model_fields")), None)
        if current is None:
            return []
    return list(current.model_fields)


def _flatten(annotation: Any) -> list[Any]:
    inner = getattr(annotation, "__args__", ())
    return [annotation, *(a for i in inner for a in _flatten(i))]


def _data_files(root: Path) -> list[Path]:
    """Every file of a data directory that may hold endpoints and prices."""
    return [p for p in (root / "endpoints.toml", root / "prices.toml", *vendor_files(root)) if p.is_file()]


def vendor_files(root: Path) -> list[Path]:
    """The files of a data directory that each describe one vendor."""
    return sorted((root / "providers").glob("*.toml"))


def read_tables(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The tables of a file about providers, by name; ConfigError if it holds anything else."""
    data = read_toml(path)
    extra = next((k for k in data if k not in TABLES), None)
    if extra is not None:
        allowed = ", ".join(f"[[{name}]]" for name in TABLES)
        raise ConfigError(f"{path}: there is no table `{extra}`{nearest(extra, TABLES)}; this file holds {allowed}")
    wrong = next(
        (k for k, t in data.items() if not isinstance(t, list) or not all(isinstance(e, dict) for e in t)), None
    )
    if wrong is not None:
        raise ConfigError(f"{path}: `{wrong}` must be written as [[{wrong}]] tables")
    return {name: data.get(name, []) for name in TABLES}


def _refuse_duplicates(path: Path, kind: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise ConfigError(f"{path}: the {kind} id {name!r} is used twice; ids are unique")
        seen.add(name)


def spread(chosen: list[Prompt], limit: int) -> list[Prompt]:
    """The first `limit` prompts taken in turn from each category, so that a short run still covers them all."""
    by_category: dict[str, list[Prompt]] = {}
    for prompt in chosen:
        by_category.setdefault(prompt.category, []).append(prompt)
    taken: list[Prompt] = []
    depth = 0
    while len(taken) < min(limit, len(chosen)):
        taken += [group[depth] for group in by_category.values() if depth < len(group)]
        depth += 1
    keep = {p.id for p in taken[:limit]}
    return [p for p in chosen if p.id in keep]
