from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.sweep.summaries import REDUCTIONS, WORDS, Summary, parse_summary


@pytest.mark.parametrize(("word", "unit"), WORDS.items())
def test_a_word_means_the_same_with_and_without_its_unit(word, unit):
    named = parse_summary(f"{word} [{unit}]")
    assert parse_summary(word) == named == Summary(f"{word} [{unit}]", word)


@pytest.mark.parametrize("kind", REDUCTIONS)
def test_a_reduction_stands_before_a_variable(kind):
    text = f"{kind} Cell temperature [C]"
    assert parse_summary(text) == Summary(text, kind, "Cell temperature [C]")


def test_a_variable_alone_is_its_value_at_the_end():
    name = "Discharge capacity [A.h]"
    assert parse_summary(name) == Summary(name, "end", name)


@pytest.mark.parametrize("text", ["time to 4.2 V", "time to 4.20V", "time to 4.2 V [s]"])
def test_time_to_a_voltage_has_one_name_however_it_is_written(text):
    assert parse_summary(text) == Summary("time to 4.2 V [s]", "time to", threshold=4.2)


@pytest.mark.parametrize("text", ["time to", "time to V", "time to -1 V", "time to nan V"])
def test_a_wrong_threshold_is_refused(text):
    with pytest.raises(ValueError, match=r"time to 4\.2 V"):
        parse_summary(text)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("capcity", "capacity"), ("rsme", "rmse"), ("energy [J]", "energy ")],
)
def test_an_unknown_word_is_refused_with_a_suggestion(wrong, meant):
    with pytest.raises(ValueError, match=f"{wrong.split()[0]}.*did you mean '{meant}"):
        parse_summary(wrong)


def test_a_reduction_of_nothing_is_refused():
    with pytest.raises(ValueError, match="which variable"):
        parse_summary("max")


@settings(deadline=None)
@given(st.text())
def test_any_text_is_a_summary_or_a_value_error(text):
    try:
        assert parse_summary(parse_summary(text).name) == parse_summary(text)
    except ValueError as error:
        assert "summary" in str(error) or "voltage" in str(error) or "variable" in str(error)
