"""The shipped prompt sets and their source images are complete, consistent and what they say they are."""

import hashlib
import tomllib
from collections import Counter

import pytest
from PIL import Image

import prompts
from arena.domain.prompt import PromptSet
from arena.domain.request import Mode

SOURCES = prompts.ROOT / "sources"
LICENCES = {"CC0-1.0", "LicenseRef-PD-USGov"}


def load(name):
    return PromptSet.model_validate(tomllib.loads((prompts.ROOT / f"{name}.toml").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def core():
    return load("core")


@pytest.fixture(scope="module")
def edit():
    return load("edit")


@pytest.fixture(scope="module")
def all_prompts(core, edit):
    return [*core.prompts, *edit.prompts]


@pytest.fixture(scope="module")
def listed():
    return tomllib.loads((SOURCES / "SOURCES.toml").read_text(encoding="utf-8"))


def test_each_set_carries_its_file_name_and_a_free_licence(core, edit):
    assert (core.name, edit.name) == ("core", "edit")
    assert {core.licence, edit.licence} == {"CC0-1.0"}
    assert core.title
    assert edit.title


def test_core_covers_every_category_broadly(core):
    assert {prompt.mode for prompt in core.prompts} == {Mode.TEXT_TO_IMAGE}
    counts = Counter(prompt.category for prompt in core.prompts)
    assert len(core.prompts) >= 60
    assert len(counts) >= 8
    assert min(counts.values()) >= 8


def test_edits_use_many_images_and_sometimes_two(edit):
    assert {prompt.mode for prompt in edit.prompts} == {Mode.EDIT}
    assert len(edit.prompts) >= 20
    assert len({source for prompt in edit.prompts for source in prompt.sources}) >= 8
    assert any(len(prompt.sources) == 2 for prompt in edit.prompts)


def test_ids_are_unique_over_all_sets(all_prompts):
    assert [key for key, count in Counter(prompt.id for prompt in all_prompts).items() if count > 1] == []


def test_no_two_prompts_share_a_text(all_prompts):
    texts = Counter(" ".join(prompt.text.casefold().split()) for prompt in all_prompts)
    assert [text for text, count in texts.items() if count > 1] == []


def test_texts_are_single_paragraphs_without_stray_space(all_prompts):
    assert [prompt.id for prompt in all_prompts if prompt.text != " ".join(prompt.text.split())] == []


def test_legible_text_is_asked_for_word_by_word(all_prompts):
    missing = [(prompt.id, text) for prompt in all_prompts for text in prompt.legible_text if text not in prompt.text]
    assert missing == []


def test_some_prompts_are_longer_than_clip_reads(core):
    assert sum(prompt.clip_tokens > 75 for prompt in core.prompts) >= 8
    assert sum(prompt.clip_tokens <= 75 for prompt in core.prompts) >= 40


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_recorded_clip_tokens_are_what_the_tokenizer_counts(all_prompts):
    tokenizer = pytest.importorskip("open_clip.tokenizer").SimpleTokenizer()
    counted = {prompt.id: len(tokenizer.encode(prompt.text)) for prompt in all_prompts}
    assert {prompt.id: prompt.clip_tokens for prompt in all_prompts} == counted


def test_every_source_is_listed_and_no_unlisted_file_is_shipped(edit, listed):
    shipped = {path.relative_to(SOURCES).as_posix() for path in SOURCES.rglob("*") if path.is_file()}
    assert shipped == {*listed, "SOURCES.toml"}
    assert {source for prompt in edit.prompts for source in prompt.sources} == set(listed)


def test_sources_are_the_images_that_the_list_describes(listed):
    for name, entry in listed.items():
        path = SOURCES / name
        assert hashlib.sha256(path.read_bytes()).hexdigest() == entry["sha256"], name
        with Image.open(path) as image:
            image.load()
            assert image.size == (entry["width_px"], entry["height_px"]), name
            assert image.format == {".png": "PNG", ".jpg": "JPEG"}[path.suffix], name


def test_sources_are_free_attributed_and_small(listed):
    for name, entry in listed.items():
        assert entry["licence"] in LICENCES, name
        assert all(entry[key] for key in ("title", "author", "origin")), name
        assert entry["width_px"] % 16 == 0, name
        assert entry["height_px"] % 16 == 0, name
        assert max(entry["width_px"], entry["height_px"]) <= 1024, name
    assert sum((SOURCES / name).stat().st_size for name in listed) < 3_000_000
