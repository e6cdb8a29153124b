import pytest

from pipeline.ears.rules import Evidence, rules_for

SURE = Evidence(
    silero=0.95, silero_lowest=0.2, voice=0.95, earshot=0.55, rise_db=25.0, residual_db=-8.0
)
"""Of a person who is quieter than the echo."""


def ordinary(evidence: Evidence) -> bool:
    return rules_for(suppressor=True, silero=True, earshot=True).ordinary(evidence)


def test_person_who_is_quieter_than_the_echo_is_noticed_if_all_parts_are_sure() -> None:
    assert ordinary(SURE)


@pytest.mark.parametrize(
    "doubt", [{"silero": 0.8}, {"earshot": 0.4}, {"rise_db": 15.0}, {"residual_db": -10.0}]
)
def test_what_is_left_of_the_echo_is_no_person_if_one_part_is_in_doubt(
    doubt: dict[str, float],
) -> None:
    assert not ordinary(SURE._replace(**doubt))


@pytest.mark.parametrize(
    ("evidence", "noticed"),
    [
        (SURE._replace(silero=0.5, earshot=0.35, rise_db=6.0, residual_db=-2.0), True),
        (SURE._replace(silero=0.5, earshot=0.35, rise_db=6.0, residual_db=-3.0), False),
        (SURE._replace(silero=0.5, earshot=0.5, rise_db=6.0, residual_db=-4.0), True),
        (SURE._replace(rise_db=5.0, residual_db=10.0), False),
    ],
    ids=["louder", "as loud as a leak", "as loud as a leak, and sure", "silent"],
)
def test_person_who_is_as_loud_as_the_echo_need_not_be_sure(
    evidence: Evidence, noticed: bool
) -> None:
    assert ordinary(evidence) is noticed
