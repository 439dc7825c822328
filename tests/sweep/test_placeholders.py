from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.sweep.expand import fill, placeholders
from battsweep.sweep.spec import Protocol

STEPS = Protocol(
    "p",
    "steps",
    steps=("Discharge at {rate}C until {low} V", "Rest for 1 h"),
    initial_soc="{soc}",
)


def test_placeholders_are_found_in_steps_current_and_initial_soc():
    assert placeholders(STEPS) == {"rate", "low", "soc"}
    assert placeholders(Protocol("p", "constant", current="{ rate }C")) == {"rate"}


def test_filling_puts_in_numbers_and_words():
    filled = fill(STEPS, {"rate": 2.0, "low": "2.50", "soc": 1.0, "other": 3.0})
    assert filled.steps == ("Discharge at 2C until 2.50 V", "Rest for 1 h")
    assert filled.initial_soc == 1.0


def test_a_value_called_initial_soc_sets_the_protocols():
    assert fill(Protocol("p", "constant", current="1C"), {"initial_soc": 0.5}).initial_soc == 0.5


@given(st.dictionaries(st.sampled_from(["rate", "low", "soc"]), st.floats(0, 1)))
@settings(deadline=None)
def test_a_filled_protocol_has_no_placeholders_left(values):
    try:
        filled = fill(STEPS, values)
    except ValueError as error:
        assert "no value for the placeholder" in str(error)
        assert len(values) < 3
    else:
        assert not placeholders(filled)
        assert fill(filled, {}) == filled


@pytest.mark.parametrize("soc", [1.5, -0.1, "full", True])
def test_an_initial_soc_beyond_zero_and_one_is_refused(soc):
    with pytest.raises(ValueError, match="between 0 and 1"):
        fill(STEPS, {"rate": 1.0, "low": 2.5, "soc": soc})


@pytest.mark.parametrize("text", ["{rate", "rate}C", "{}C", "{{rate}}C"])
def test_braces_without_partners_are_refused(text):
    with pytest.raises(ValueError, match="braces come in pairs"):
        placeholders(Protocol("p", "constant", current=text))
