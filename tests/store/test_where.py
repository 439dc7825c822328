import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import StoreError
from battsweep.store.json_text import to_json
from battsweep.store.where import where_sql
from battsweep.sweep.expressions import evaluate, parse

NAMES = ["rate", "Ambient temperature [K]", "capacity [A.h]", 'odd "name"', "a.b[0]", "µ"]
NUMBERS = st.one_of(st.integers(-5, 5).map(float), st.sampled_from([0.5, 1e-3, 2.5]))


def value_of(draw, names, depth):
    kind = draw(st.sampled_from(["name", "number", "sum"] if depth else ["name", "number"]))
    if kind == "name":
        return f"`{draw(st.sampled_from(names))}`"
    if kind == "number":
        return repr(draw(NUMBERS))
    left, right = (value_of(draw, names, depth - 1) for _ in range(2))
    return f"({left} {draw(st.sampled_from('+-*/'))} {right})"


def condition_of(draw, names, depth):
    kind = draw(st.sampled_from(["compare", "in", "and", "or", "not"][: 5 if depth else 2]))
    if kind == "compare":
        sign = draw(st.sampled_from(["==", "!=", "<", "<=", ">", ">="]))
        return f"{value_of(draw, names, 1)} {sign} {value_of(draw, names, 1)}"
    if kind == "in":
        return f"`{draw(st.sampled_from(names))}` in [{draw(NUMBERS)!r}, {draw(NUMBERS)!r}]"
    if kind == "not":
        return f"not ({condition_of(draw, names, depth - 1)})"
    left, right = (condition_of(draw, names, depth - 1) for _ in range(2))
    return f"({left}) {kind} ({right})"


@st.composite
def questions(draw):
    values = draw(st.dictionaries(st.sampled_from(NAMES), NUMBERS, min_size=1))
    return condition_of(draw, sorted(values), 2), values


def met(text, varied, summary=None):
    sql, _ = where_sql(text)
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE TABLE all_tasks(model, status, number, varied, summary)")
        connection.execute(
            "INSERT INTO all_tasks VALUES ('SPMe', 'done', 3, ?, ?)",
            (to_json(varied), to_json(summary or {})),
        )
        query = f"SELECT count(*) FROM all_tasks t WHERE {sql.text}"
        return bool(connection.execute(query, sql.values).fetchone()[0])
    finally:
        connection.close()


@given(questions())
@settings(deadline=None, max_examples=300)
def test_sql_means_what_the_condition_means(question):
    text, values = question
    try:
        expected = evaluate(parse(text), values)
    except ValueError:
        return
    assert met(text, values) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("model == 'SPMe' and rate > 1", True),
        ("model != 'SPMe' or rate <= 1", False),
        ("status == 'done' and number == 3", True),
        ("number / 2 == 1.5", True),
        ("model in ['DFN', 'SPMe']", True),
        ("energy > 17", True),
        ("1 < rate < 3", True),
        ("rate == 'fast'", False),
        ("rate > 'fast'", False),
        ("'fast' > rate", False),
        ("model + 1 > 0", False),
        ("missing > 1", False),
        ("not missing > 1", False),
    ],
)
def test_columns_varied_values_and_summaries_can_be_asked_for(text, expected):
    assert met(text, {"rate": 2}, {"energy": 18.0}) is expected


@pytest.mark.parametrize(
    "text",
    ["`'; DROP TABLE all_tasks; --` == 1", 'model == "\'; DROP TABLE all_tasks; --"'],
)
def test_what_a_condition_says_never_becomes_sql(text):
    sql, _ = where_sql(text)
    assert "DROP" not in sql.text
    assert not met(text, {})


def test_a_value_that_is_varied_hides_a_summary_of_its_name():
    assert met("rate == 1", {"rate": 1}, {"rate": 2})


@pytest.mark.parametrize("text", ["", "rate >", "rate", "import os", "rate == (", "1"])
def test_what_is_no_condition_is_refused(text):
    with pytest.raises(StoreError, match="where"):
        where_sql(text)


def test_long_sums_stay_short_in_sql():
    sql, _ = where_sql(" + ".join(["rate"] * 20) + " > 1")
    assert len(sql.text) < 10_000
