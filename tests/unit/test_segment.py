"""Segments: created, attached and unlinked."""

import sys
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.shm import segment as segment_module
from pipeline.shm.segment import Segment

MACOS_NAME_LIMIT = 31


def exists(name: str) -> bool:
    try:
        Segment.attach(name).close()
    except FileNotFoundError:
        return False
    return True


def test_a_new_segment_is_zero_and_at_least_as_large_as_asked_for() -> None:
    with Segment.create(1_000) as segment:
        assert len(segment.buffer) >= 1_000
        assert not any(segment.buffer)


def test_a_segment_s_name_is_short_enough_for_macos() -> None:
    with Segment.create(8) as segment:
        assert len(segment.name) < MACOS_NAME_LIMIT  # and a slash before it


def test_segments_have_names_of_their_own() -> None:
    with Segment.create(8) as one, Segment.create(8) as other:
        assert one.name != other.name


def test_an_attached_segment_is_the_same_memory() -> None:
    with Segment.create(64) as owned, Segment.attach(owned.name) as attached:
        owned.word(8).store(5)
        attached.buffer[0] = 7
        assert attached.word(8).load() == 5
        assert owned.word(0).load() == int.from_bytes(b"\7" + bytes(7), sys.byteorder)


def test_attaching_to_an_absent_segment_raises() -> None:
    with Segment.create(8) as segment:
        name = segment.name
    for missing in (name, "never_there"):
        with pytest.raises(FileNotFoundError):
            Segment.attach(missing)


def test_only_the_owner_s_close_unlinks_a_segment() -> None:
    with Segment.create(8) as owned:
        Segment.attach(owned.name).close()
        assert exists(owned.name)
    assert not exists(owned.name)


def test_a_segment_is_unlinked_after_an_error_too() -> None:
    segment = Segment.create(8)
    with pytest.raises(ZeroDivisionError), segment:
        _ = 1 / 0
    assert not exists(segment.name)


def test_an_attached_process_keeps_the_memory_that_its_owner_unlinked() -> None:
    owned = Segment.create(8)
    with Segment.attach(owned.name) as attached:
        owned.word(0).store(5)
        owned.close()
        assert attached.word(0).load() == 5


@pytest.mark.parametrize(
    ("version", "options"),
    [((3, 12), {}), ((3, 13), {"track": False}), ((3, 14), {"track": False})],
)
def test_the_resource_tracker_leaves_attached_memory_alone_where_it_can(
    version: tuple[int, int], options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    attached: list[tuple[str, dict[str, bool]]] = []

    def attach(name: str, **given: bool) -> SharedMemory:
        attached.append((name, given))
        return SharedMemory(name)

    monkeypatch.setattr(segment_module, "SharedMemory", attach)
    monkeypatch.setattr(segment_module, "sys", SimpleNamespace(version_info=version))
    with Segment(SharedMemory(create=True, size=8), owner=True) as owned:
        Segment.attach(owned.name).close()
        assert attached == [(owned.name, options)]
        SharedMemory(owned.name).close()  # it still exists


def test_closing_again_does_nothing() -> None:
    owned = Segment.create(8)
    attached = Segment.attach(owned.name)
    for _ in range(2):
        attached.close()
        owned.close()
        assert not exists(owned.name)


def test_a_closed_segment_gives_no_access() -> None:
    segment = Segment.create(8)
    word = segment.word(0)
    segment.close()
    with pytest.raises(ValueError, match="the segment is closed"):
        _ = segment.buffer
    for access in (word.load, lambda: word.store(1), lambda: segment.word(0)):
        with pytest.raises(ValueError, match="closed"):
            access()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows what is mapped")
def test_closing_gives_the_memory_back() -> None:
    maps = Path("/proc/self/maps")
    owned = Segment.create(8)
    with Segment.attach(owned.name):
        assert maps.read_text().count(owned.name) == 2
    assert maps.read_text().count(owned.name) == 1
    owned.close()
    assert owned.name not in maps.read_text()
