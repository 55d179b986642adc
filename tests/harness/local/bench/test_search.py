"""The search over a machine that is made up: latencies and images by setting, time that passes as told."""

import hashlib
from decimal import Decimal

import numpy as np
import pytest
from PIL import Image

from arena.errors import ArenaError
from harness.local.bench import table
from harness.local.bench.measured import Answer, Arithmetic, Batch, Environment, Rate, Refusal, Workload
from harness.local.bench.report import best_batch, report
from harness.local.bench.search import DEFAULTS, SPACE, Bench, name_of
from harness.local.settings import LocalSettings, Speed

BASE_MS = 1000.0
FACTORS = {
    ("attention", "flash"): 0.8,
    ("compile", "default"): 0.7,
    ("compile", "max-autotune"): 0.6,
    ("channels_last", True): 1.1,
    ("dtype", "float16"): 0.999,
    ("quantization", "float8"): 0.3,
}
NOISE = {("quantization", "float8"): 60, ("compile", "default"): 1, ("compile", "max-autotune"): 1}
REFUSED = {("attention", "cudnn"): "no cuDNN kernels", ("quantization", "int8"): "needs torchao"}


class Machine:
    """Answers as a card might; a process takes 10 s, and images of some settings are noisier."""

    def __init__(self, directory, *, needs_offload=(), interrupt_after=None, noise=NOISE, device="cuda", slow=()):
        self.directory, self.clock_s, self.asked = directory, 0.0, []
        self.needs_offload, self.interrupt_after, self.noise = needs_offload, interrupt_after, noise
        self.device, self.slow = device, slow

    def now_s(self):
        return self.clock_s

    def ask(self, question, timeout_s):
        if len(self.asked) == self.interrupt_after:
            raise KeyboardInterrupt
        place = self.directory / str(len(self.asked))
        place.mkdir()
        self.asked.append((question.subject, question.settings.speed, timeout_s))
        speed = question.settings.speed
        values = [(name, value) for name, value in speed if value != getattr(Speed(), name) and name != "max_batch"]
        took_s = 500.0 if set(values) & set(self.slow) else 10.0
        self.clock_s += min(took_s, timeout_s)
        if took_s > timeout_s:
            return Refusal(reason="not done"), place
        if self.needs_offload and speed.offload not in self.needs_offload:
            return Refusal(reason="too little memory", out_of_memory=True), place
        if refused := next((REFUSED[v] for v in values if v in REFUSED), None):
            return Refusal(reason=refused), place
        return self.answer(question, values, place), place

    def answer(self, question, values, place):
        latency_ms = BASE_MS * float(np.prod([FACTORS.get(v, 1.0) for v in values] or [1.0]))
        noise = max([self.noise.get(v, 0) for v in values], default=0)
        names = [f"{i}.png" for i in range(question.workload.compared)]
        for index, name in enumerate(names):
            self.image(index, noise).save(place / name)
        batches = []
        for size in question.workload.batches:
            self.image(0, noise).save(place / f"b{size}.png")
            took_ms = latency_ms * size * {2: 0.8, 4: 0.7, 8: 0.9}[size]
            batches.append(Batch(size=size, latencies_ms=(took_ms,) * 6, images=(f"b{size}.png",)))
        return Answer(
            dtype="bfloat16" if question.settings.speed.dtype == "auto" else question.settings.speed.dtype,
            environment=Environment(device=self.device, card="A card, 80 GiB", driver="570", versions={"torch": "2"}),
            simulated=question.settings.random_weights,
            load_s=1.0,
            first_image_s=2.0,
            latencies_ms=tuple(latency_ms * (1 + 0.01 * i / 12) for i in range(12)),
            energy_j=None if question.subject == "engine" else 300.0,
            images=tuple(names),
            stages_ms={"text_encode": 20.0, "denoise": latency_ms - 20} if question.subject == "engine" else {},
            batches=tuple(batches),
            arithmetic=Arithmetic(
                text_encoder=10**12, text_encoder_unused=5, transformer_step=30 * 10**12, steps=4, decoder=10**13,
                reference_encoding=0, needed=131 * 10**12,
            ) if question.count else None,
            rates=(Rate(dtype="bfloat16", per_s=700e12, shape=(8192,) * 3),) if question.count else (),
        )  # fmt: skip

    @staticmethod
    def image(index, noise):
        seed = int.from_bytes(hashlib.sha256(b"%d" % index).digest()[:4])
        blobs = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(blobs).resize((64, 64), Image.Resampling.BICUBIC), dtype=float)
        rough = smooth + np.random.default_rng(seed + 1).normal(0, noise, smooth.shape)
        return Image.fromarray(rough.clip(0, 255).astype(np.uint8))


def bench(machine, **given):
    workload = Workload(width_px=64, height_px=64, steps=4, guidance=1.0, prompts=("a", "b", "c", "d", "e"), compared=3)
    options = {
        "settings": LocalSettings(random_weights=True),
        "max_distance": 0.1,
        "within_s": 600,
        "batches": (2, 4, 8),
    }
    options |= given
    return Bench(asker=machine, workload=workload, now_s=machine.now_s, say=lambda _: None, **options)


@pytest.fixture
def searched(tmp_path):
    machine = Machine(tmp_path)
    search = bench(machine)
    search.run()
    return search, machine


def test_takes_the_fastest_combination_whose_images_stay_within_the_bound(searched):
    search, _ = searched
    assert search.winner.speed == Speed(attention="flash", compile="max-autotune")
    assert "compile=max-autotune attention=flash quantization=float8" in {c.name for c in search.candidates}
    found = report(search)
    row = next(r for r in found.rows if r.name == found.best)
    assert row.times_faster == pytest.approx(1 / (0.8 * 0.6), rel=0.01)
    assert row.times_faster_low < row.times_faster < row.times_faster_high
    assert row.times_limit == pytest.approx(row.latency_ms.value / (131 / 700 * 1000))


def test_what_is_faster_with_other_images_is_shown_and_not_chosen(searched):
    found = report(searched[0])
    row = next(r for r in found.rows if "float8" in r.name)
    assert row.is_within is False
    assert row.distance.worst > 0.1
    assert row.times_faster > 4
    assert row.times_limit is None  # it does not multiply in one of torch's dense dtypes
    assert "beyond the bound" in table.markdown(found)


def test_a_wider_bound_lets_it_be_chosen(tmp_path):
    search = bench(Machine(tmp_path), max_distance=1.5)
    search.run()
    assert search.winner.speed.quantization == "float8"


def test_what_cannot_run_is_listed_with_its_reason(searched):
    text = table.markdown(report(searched[0]))
    assert "no cuDNN kernels" in text
    assert "needs torchao" in text


def test_what_is_not_faster_beyond_its_interval_is_not_taken(searched):
    """float16 is faster by a thousandth here, which its repetitions cannot tell."""
    assert searched[0].winner.speed.dtype == "auto"
    assert searched[0].winner.speed.channels_last is False


def test_defaults_and_winner_are_measured_again_in_turns(searched):
    search, machine = searched
    last = [(subject, speed.model_copy(update={"max_batch": 1})) for subject, speed, _ in machine.asked[-4:]]
    assert last == [("defaults", Speed()), ("engine", search.winner.speed)] * 2
    assert len(search.defaults.answers) == len(search.winner.answers) == 3
    assert search.floor.worst == pytest.approx(0)
    assert report(search).rows[0].n == 36


def test_what_slows_down_defaults_and_winner_alike_does_not_hide_which_is_faster(tmp_path, monkeypatch):
    """Each of the last processes is slower than the one before it; turn by turn it is clear all the same."""
    machine = Machine(tmp_path)
    calm = machine.answer

    def hotter(question, values, place):
        said = calm(question, values, place)
        heat = 1.2 ** max(0, len(machine.asked) - len(search.candidates) - 1)
        return said.model_copy(update={"latencies_ms": tuple(ms * heat for ms in said.latencies_ms)})

    monkeypatch.setattr(machine, "answer", hotter)
    search = bench(machine)
    search.run()
    found = report(search)
    assert found.drift > 0.5
    assert all(turn.is_faster for turn in found.turns)
    assert "this machine was not steady" in table.markdown(found)
    assert "not shown" not in table.verdict(found)


def test_float8_is_tried_in_bfloat16_also_where_float16_is_faster(tmp_path, monkeypatch):
    monkeypatch.setitem(FACTORS, ("dtype", "float16"), 0.8)
    search = bench(Machine(tmp_path))
    search.run()
    tried = {c.speed.quantization: c.speed.dtype for c in search.candidates}
    assert tried["int8"] == "float16"
    assert tried["float8"] == "auto"


def test_without_a_difference_none_is_claimed(tmp_path, monkeypatch):
    monkeypatch.setitem(SPACE, "cuda", ())
    search = bench(Machine(tmp_path))
    search.run()
    assert "not shown to be faster" in table.verdict(report(search))


def test_throughput_is_told_by_the_batch_and_the_best_is_found(searched):
    found = report(searched[0])
    assert {(b.name, b.size) for b in found.batches} == {(n, s) for n in (DEFAULTS, found.best) for s in (2, 4, 8)}
    assert best_batch(found) == 4
    assert all(b.distance is None for b in found.batches if b.name == DEFAULTS)


def test_ends_in_time_and_says_what_was_left_out(tmp_path):
    machine = Machine(tmp_path)
    search = bench(machine, within_s=75)
    search.run()
    assert machine.clock_s <= 75
    assert len(search.winner.answers) == 3  # there was time to measure the winner again, for it was kept back
    assert "before every setting was tried" in table.markdown(report(search))


def test_a_setting_that_takes_too_long_does_not_take_the_others_time(tmp_path):
    machine = Machine(tmp_path, slow=[("attention", "flash")])
    search = bench(machine, within_s=400)
    search.run()
    assert machine.clock_s <= 400
    assert [c.name for c in search.candidates if c.refused == "not done"] == ["attention=flash"]
    assert len(search.defaults.answers) == 3
    assert search.winner.speed.compile == "max-autotune"


def test_interrupted_it_tells_what_was_measured(tmp_path):
    search = bench(Machine(tmp_path, interrupt_after=4))
    with pytest.raises(KeyboardInterrupt):
        search.run()
    found = report(search)
    assert [r.refused is None for r in found.rows] == [True, True, True, True, False]
    assert "| not measured |" in table.markdown(found)
    assert "in one process each" in table.verdict(found)


def test_nothing_is_reported_before_the_defaults_are_measured(tmp_path):
    search = bench(Machine(tmp_path, interrupt_after=0))
    with pytest.raises(KeyboardInterrupt):
        search.run()
    assert report(search) is None


def test_a_model_that_does_not_fit_is_measured_with_its_weights_offloaded(tmp_path):
    search = bench(Machine(tmp_path, needs_offload=("model", "sequential")))
    search.run()
    assert search.defaults.name == "diffusers' defaults, offload=model"
    assert search.winner.speed.offload == "model"
    assert [s.offload for subject, s, _ in search.asker.asked if subject == "defaults"] == ["none", *["model"] * 3]


def test_a_model_that_does_not_run_at_all_is_one_sentence(tmp_path):
    with pytest.raises(ArenaError, match=r"diffusers' own pipeline cannot be measured: too little memory"):
        bench(Machine(tmp_path, needs_offload=("nowhere",))).run()


def test_images_beyond_every_bound_choose_nothing(tmp_path):
    machine = Machine(tmp_path)
    search = bench(machine, max_distance=-1)
    search.run()
    found = report(search)
    assert found.best is None
    assert "No setting has all its images within" in table.verdict(found)
    assert best_batch(found) == 1


def test_says_that_random_weights_make_the_distances_mean_nothing_and_names_the_machine(searched):
    text = table.markdown(report(searched[0]))
    assert "images that mean nothing" in text
    for part in ("A card, 80 GiB", "driver 570", "torch 2", "131 TFLOP", "bfloat16 700 TFLOP/s", "187 ms at least"):
        assert part in text, part


def test_an_hour_of_the_device_gives_images_a_price(tmp_path):
    search = bench(Machine(tmp_path), settings=LocalSettings(gpu_hour_usd=Decimal("3.6")))
    search.run()
    assert report(search).rows[0].usd_per_image == pytest.approx(0.001, rel=0.02)
    assert "cost/image" in table.grids(report(search))[0].columns


def test_where_the_time_goes_is_set_against_the_arithmetic_of_each_part(searched):
    text_encode, denoise = report(searched[0]).parts
    assert (text_encode.name, text_encode.latency_ms) == ("text_encode", 20.0)
    assert text_encode.limit_ms == pytest.approx(1e12 / 700e12 * 1000)
    assert denoise.limit_ms == pytest.approx(120e12 / 700e12 * 1000)
    assert "where the time goes: compile=max-autotune attention=flash" in table.markdown(report(searched[0]))


def test_what_is_not_known_anywhere_has_no_column(searched):
    columns = table.grids(report(searched[0]))[0].columns
    assert "cost/image" not in columns
    assert "peak memory" not in columns
    assert "energy/image" in columns


@pytest.mark.parametrize("kind", SPACE)
def test_every_value_that_is_tried_is_one_of_the_settings(kind):
    for name, values in SPACE[kind]:
        for value in values:
            assert name_of(Speed.model_validate({name: value})) == f"{name}={value}"
