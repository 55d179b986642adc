"""A buffer is used again once nobody holds it, and never before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.net.buffers import LARGEST_BYTES, MOST_BUFFERS, Buffers


def test_what_somebody_still_looks_at_is_not_overwritten():
    buffers = Buffers()
    first = buffers.take(1000)
    first[:] = b"a" * 1000
    view = memoryview(first)[3:5]
    where = id(first)
    del first
    second = buffers.take(1000)
    second[:] = b"b" * 1000
    assert bytes(view) == b"aa"
    view.release()
    del view
    assert id(buffers.take(900)) == where


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), max_size=60))
def test_every_buffer_has_the_size_and_keeps_what_its_holder_wrote(steps):
    buffers, held = Buffers(), []
    for number, (size_bytes, keep) in enumerate(steps):
        buffer = buffers.take(size_bytes)
        assert len(buffer) == size_bytes
        buffer[:] = bytes([number % 251]) * size_bytes
        if keep:
            held.append((number, size_bytes, memoryview(buffer) if number % 2 else buffer))
        del buffer
    for number, size_bytes, kept in held:
        assert bytes(kept) == bytes([number % 251]) * size_bytes


def test_free_buffers_that_are_too_small_make_room():
    buffers = Buffers()
    buffers.reserve(20, 1000)
    assert len({id(b) for b in [buffers.take(5000) for _ in range(20)]}) == 20
    assert len(buffers._all) == 20


@pytest.mark.parametrize("size_bytes", [0, 1, LARGEST_BYTES + 1])
def test_unusual_sizes(size_bytes):
    assert len(Buffers().take(size_bytes)) == size_bytes


def test_it_does_not_grow_for_ever():
    buffers = Buffers()
    held = [buffers.take(10) for _ in range(MOST_BUFFERS + 50)]
    assert len(buffers._all) == MOST_BUFFERS
    assert len({id(b) for b in held}) == len(held)
