from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from battsweep.errors import SpecError
from battsweep.sweep.curves import read_measured, read_profile
from battsweep.sweep.spec import Profile
from battsweep.sweep.tables import read_points

PROFILE = '[protocols.x]\nprofile = "p.csv"\npositive = "discharge"\n'


@pytest.mark.parametrize(
    ("text", "more"),
    [
        ("# time [s], current [A]\n5,1\n6,-2\n", ""),
        ("t;i\n5;1\n6;-2\n", ""),
        ("i\tt\n1\t5\n-2\t6\n", 'time_column = "t"\nvalue_column = "i"'),
        ("1000,5\n-2000,6\n\n", 'time_column = 1\nvalue_column = 0\nunit = "mA"'),
        ("5,0.5\r\n6,-1\r\n", "scale = 2"),
    ],
)
def test_a_profile_starts_at_zero_and_is_positive_on_charge(load, tmp_path, text, more):
    (tmp_path / "p.csv").write_bytes(text.encode())
    sweep = load(protocols=PROFILE + more, axes="")
    assert sweep.protocols[0].profile == Profile("current", (0.0, 1.0), (-1.0, 2.0), "p.csv")


def test_a_power_profile_is_in_watts(load, tmp_path):
    (tmp_path / "p.csv").write_text("0,1\n1,2\n")
    sweep = load(protocols=PROFILE + 'quantity = "power"\nunit = "kW"', axes="")
    assert sweep.protocols[0].profile == Profile("power", (0.0, 1.0), (-1e3, -2e3), "p.csv")


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("0,1\n1,2\n1,3\n", "line 3", "time 1.0 is not after 1.0"),
        ("0,1\n1,x\n", "line 2", "column 1: 'x': must be a finite number"),
        ("0,1\n1,nan\n", "line 2", "'nan': must be a finite number"),
        ("0,1\n# gap\n1\n", "line 3", "column 1: ''"),
        ("0\n1\n", "line 1", "no column 1"),
        ("0,1\n", "", "fewer than two points"),
        ("", "", "is empty"),
        ("# only words\n", "", "is empty"),
        ('0,"1\n1,2\n', "line 1", "unexpected end"),
        ("0,1\n1,1e999\n", "line 2", "must be a finite number"),
    ],
)
def test_a_wrong_profile_is_told_with_the_line(faults, tmp_path, text, place, message):
    (tmp_path / "p.csv").write_text(text)
    found = faults(protocols=PROFILE, axes="")
    assert found[0].file == str(tmp_path / "p.csv")
    assert found[0].place == place
    assert message in found[0].message


@pytest.mark.parametrize(
    ("header", "more", "message"),
    [
        ("Time [h],Current [A]", "", "'Time [h]': is in h; times must be in seconds"),
        ("time_h,current_a", "", "'time_h': is in h"),
        ("Test Time / min,i", "", "is in min"),
        ("t (ms),i", "", "is in ms"),
        ("t,Current [mA]", "", "'Current [mA]': is in mA, and A is expected; write unit = \"mA\""),
        ("t,Current / mA", "", 'write unit = "mA"'),
        ("t,current_ampere", 'unit = "mA"', 'is in A, and mA is expected; write unit = "A"'),
        ("t,Power [kW]", "", 'write quantity = "power" and unit = "kW"'),
        ("t,Voltage [V]", "", "name another value_column"),
        ("t,Rate [C]", "", "convert it with scale"),
    ],
)
def test_a_header_that_names_another_unit_is_told_with_what_to_write(
    faults, tmp_path, header, more, message
):
    (tmp_path / "p.csv").write_text(f"{header}\n0,1\n1,2\n")
    (fault,) = faults(protocols=PROFILE + more, axes="")
    assert fault.place == "line 1"
    assert message in fault.message


@pytest.mark.parametrize(
    ("header", "more"),
    [
        ("Time [s],Current [A]", ""),
        ("test_time_second,current_ampere", ""),
        ("Test Time / s,Current / A", ""),
        ("time,Current [mA]", 'unit = "mA"'),
        ("time,Current [kA]", "scale = 1000"),
        ("Time (from the start),Current (charge)", ""),
        ("t,i_d", ""),
    ],
)
def test_a_header_that_agrees_or_names_no_unit_is_no_fault(load, tmp_path, header, more):
    (tmp_path / "p.csv").write_text(f"{header}\n0,1\n1,2\n")
    assert load(protocols=PROFILE + more, axes="").protocols


def test_a_profile_of_all_zeros_is_a_fault(faults, tmp_path):
    (tmp_path / "p.csv").write_text("0,0\n1,-0.0\n")
    (fault,) = faults(protocols=PROFILE, axes="")
    assert "every value is 0" in fault.message


def test_a_missing_column_is_told_with_a_suggestion(faults, tmp_path):
    (tmp_path / "p.csv").write_text("time,current\n0,1\n1,2\n")
    (fault,) = faults(protocols=PROFILE + 'value_column = "curent"', axes="")
    assert fault.message == "no column 'curent' in the first line; did you mean 'current'?"


def test_a_table_of_wrong_lines_is_told_in_a_few_lines(faults, tmp_path):
    (tmp_path / "p.csv").write_text("0,1\n" + "x,y\n" * 1000)
    found = faults(protocols=PROFILE, axes="")
    assert len(found) == 6
    assert "more faults like these" in found[-1].message


def test_a_measured_curve_has_no_current_if_its_file_has_none(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("test_time_second,voltage_volt\n10,4.2\n20,4.1\n")
    assert read_measured(path) == ((0.0, 10.0), (4.2, 4.1), ())
    path.write_text("voltage_volt,current_ampere,test_time_second\n4.2,-1,10\n4.1,-1,20\n")
    assert read_measured(path) == ((0.0, 10.0), (4.2, 4.1), (-1.0, -1.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,a\n1,2\n", "two columns of this name"),
        ("a,\n1,2\n", "a column without a name"),
        ("a,b\n1\n", "1 values for 2 names"),
        ("a,b\n1,nan\n", "'nan': must be a finite number"),
        ("a,b\n1,\n", "'': must be a finite number"),
        ("a,b\n", "no line below the names"),
    ],
)
def test_a_wrong_table_of_points_is_refused(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(SpecError, match=message):
        read_points(tmp_path / "t.csv")


@settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=200,
)
@given(st.one_of(st.binary(), st.text(alphabet='0123456789.,;\t\n"#eé-').map(str.encode)))
def test_no_bytes_raise_anything_but_a_spec_error(tmp_path, content):
    path = tmp_path / "junk.csv"
    path.write_bytes(content)
    for read in (
        read_points,
        read_measured,
        lambda file: read_profile(file, time=0, value="1", factor=1.0),
        lambda file: read_profile(file, time=0, value=1, factor=1e300),
    ):
        try:
            read(path)
        except SpecError as error:
            assert error.faults
