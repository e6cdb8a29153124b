import pickle
from dataclasses import FrozenInstanceError, asdict, field, fields, replace
from itertools import count

import pytest

from pipeline.structs import Struct

_numbers = count()


class Base(Struct):
    number: int = field(default_factory=lambda: next(_numbers), kw_only=True, compare=False)


class Point(Base):
    x: int
    y: int = 7


class Place(Base):
    x: int
    y: int = 7


class Key(Struct):
    name: str
    secret: str = field(default="", repr=False)


class Nothing(Struct):
    pass


def test_defaults_and_factories_fill_what_is_not_given() -> None:
    first, second = Point(1), Point(1, y=2)
    assert (first.x, first.y) == (1, 7)
    assert (second.x, second.y) == (1, 2)
    assert second.number == first.number + 1
    assert Point(1, number=-1).number == -1


def test_a_class_does_not_take_the_parameters_of_its_base() -> None:
    assert Base(number=3).number == 3  # its `__init__` is compiled first
    assert Point(x=1, number=3).x == 1


@pytest.mark.parametrize(
    ("values", "named", "fault"),
    [
        ((), {}, r"Point.__init__\(\) missing 1 required positional argument: 'x'"),
        ((1,), {"x": 2}, "multiple values for argument 'x'"),
        ((1, 2, 3), {}, "from 2 to 3 positional arguments but 4 were given"),
        ((1,), {"z": 2}, "unexpected keyword argument 'z'"),
    ],
)
def test_values_that_do_not_fit_are_refused(
    values: tuple[int, ...], named: dict[str, int], fault: str
) -> None:
    with pytest.raises(TypeError, match=fault):
        Point(*values, **named)


def test_equal_are_values_of_one_class_whose_compared_fields_are_equal() -> None:
    assert Point(1) == Point(1)
    assert hash(Point(1)) == hash(Point(1))
    assert Point(1) != Point(2)
    assert Point(1) != Place(1)
    assert Nothing() == Nothing()
    assert Nothing() != ()


def test_a_value_cannot_be_changed() -> None:
    point = Point(1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'x'"):
        point.x = 2  # type: ignore[misc]  # the fault under test
    with pytest.raises(FrozenInstanceError, match="cannot delete field 'x'"):
        del point.x
    assert point.x == 1


def test_a_secret_is_not_shown() -> None:
    assert repr(Key("a", "b")) == "Key(name='a')"
    assert repr(Point(1, number=3)) == "Point(number=3, x=1, y=7)"


def test_it_is_a_dataclass_to_python() -> None:
    point = Point(1, number=3)
    assert [field.name for field in fields(Point)] == ["number", "x", "y"]
    assert asdict(point) == {"number": 3, "x": 1, "y": 7}
    moved = replace(point, y=2)
    assert moved == Point(1, 2)
    assert moved.number == 3
    match moved:
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_it_survives_a_pipe() -> None:
    point = Point(1, number=3)
    copy = pickle.loads(pickle.dumps(point))  # noqa: S301 - made here
    assert copy == point
    assert copy.number == 3
