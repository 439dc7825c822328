"""Files as testers write them, made small: each is read right, or refused with a way out."""

import io
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from battsweep.data.formats import read_files
from battsweep.data.formats.names import parse_name, roles_of
from battsweep.data.formats.signs import evidence
from battsweep.data.formats.times import clock_s, unix_s
from battsweep.data.recipe import Recipe, load_recipe
from battsweep.errors import DataError

PLAIN = """Test Time (s),Voltage (V),Current (A),Cycle,Step,Temperature (°C)
0,3.9,0,1,1,25
1,3.85,-2,1,2,25
2,3.80,-2,1,2,26
3,3.75,-2,1,2,26
"""


def read(folder, text, name="cell.csv", recipe=None, encoding="utf-8"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
    return read_files([path], recipe)


def numbers(cell, name):
    return np.asarray(cell.table.column(name), dtype=float).tolist()


def test_a_plain_file_keeps_its_numbers_and_is_named_after_its_file(tmp_path):
    (cell,) = read(tmp_path, PLAIN)
    assert (cell.cell, cell.format, cell.signed) == ("cell", "csv", True)
    assert numbers(cell, "current_ampere") == [0, -2, -2, -2]
    assert numbers(cell, "temperature_t1_celsius") == [25, 25, 26, 26]
    assert cell.table.column("tester_step_index").to_pylist() == [1, 2, 2, 2]
    assert cell.sources[0].bytes == len(PLAIN.encode())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_and_delimiters_are_told_apart(tmp_path, encoding, delimiter):
    (cell,) = read(tmp_path, PLAIN.replace(",", delimiter), encoding=encoding)
    assert numbers(cell, "voltage_volt") == [3.9, 3.85, 3.8, 3.75]


def test_mixed_encodings_are_told_with_their_line(tmp_path):
    data = "Test Time (s),Voltage (V),Current (A),Note\n0,3.9,0,µ\n".encode()
    (cell,) = read(tmp_path, data + "1,3.8,0,°\n".encode("cp1252") + b"2,3.8,0,x\n")
    assert any("line 3" in note and "mixed" in note for note in cell.notes)


def test_decimal_commas_and_milliamperes_are_understood(tmp_path):
    text = "time/s;Ecell/V;I/mA\n0,0;3,90;0,0\n1,5;3,80;-2500,0\n3,0;3,70;-2500,0\n"
    (cell,) = read(tmp_path, text)
    assert cell.format == "biologic"
    assert numbers(cell, "test_time_second") == [0, 1.5, 3]
    assert numbers(cell, "current_ampere") == [0, -2.5, -2.5]


def test_a_current_positive_on_discharge_is_turned_and_that_is_told(tmp_path):
    rows = [f"{k},{3.9 - 0.01 * k},{2.0 if k else 0},1" for k in range(30)]
    (cell,) = read(
        tmp_path, "Test Time / s,Voltage / V,Current / A,Cycle Count / 1\n" + "\n".join(rows)
    )
    assert min(numbers(cell, "current_ampere")) == -2
    assert any("turned" in note for note in cell.notes)
    same = read_files([tmp_path / "cell.csv"], Recipe(sign="charge positive"))[0]
    assert max(numbers(same, "current_ampere")) == 2


@given(st.integers(0, 2**31), st.sampled_from([1.0, -1.0]))
def test_the_voltage_speaks_for_the_sign_of_a_current(seed, sign):
    random = np.random.default_rng(seed)
    way = np.repeat(random.choice([-1.0, 1.0], 6), 40)
    voltage = 3.6 + 0.002 * np.cumsum(way) + 0.05 * way + random.normal(0, 1e-4, len(way))
    if len(set(way)) == 2:
        assert sign * evidence(sign * way, voltage) > 0.5


def test_an_unsigned_current_is_left_to_the_state(tmp_path):
    text = "Today's Date 01/01/2020\nRec#\tCyc#\tStep\tTestTime\tAmps\tVolts\tState\tDPt Time\n"
    text += "1\t0\t1\t  0d 00:00:00.0\t0.0\t3.9\tR\t01/13/2020 10:00:00\n"
    text += "2\t0\t2\t  0d 00:00:01.5\t2.0\t3.8\tD\t01/13/2020 10:00:01\n"
    text += "3\t0\t2\t  1d 01:00:00.0\t2.0\tN/A\tD\t01/14/2020 11:00:00\n"
    (cell,) = read(tmp_path, text, name="a.078")
    assert (cell.format, cell.signed) == ("maccor", False)
    assert numbers(cell, "test_time_second") == [0, 1.5, 90000]
    assert np.isnan(numbers(cell, "voltage_volt")[2])
    assert cell.table.column("tester_state").to_pylist() == ["R", "D", "D"]


def test_several_cells_of_one_file_have_times_of_their_own(tmp_path):
    text = "datetime,cell_id,cycle,step,current_A,voltage_V\n"
    text += "2020-12-11 12:00:00.000,A,0,1,0.0,3.4\n2020-12-11 12:00:05.500,A,0,1,0.0,3.4\n"
    text += "01/31/2021 08:00:00,B,1,1,0.0,3.4\n01/31/2021 08:01:00,B,1,1,0.0,3.5\n"
    one, other = read(tmp_path, text)
    assert (one.cell, other.cell) == ("A", "B")
    assert numbers(one, "test_time_second") == [0, 5.5]
    assert numbers(other, "test_time_second") == [0, 60]


def test_nested_neware_rows_carry_their_cycle_and_step(tmp_path):
    text = "Cycle Index,Chg. Cap.(Ah)\n,Step Index,Step Number,Step Type,Step Time\n"
    text += ",,DataPoint,Time,Total Time,Current(A),Voltage(V)\n1,0.5,1,1,Rest,00:00:20\n"
    text += ",,1,00:00:00,00:00:00,0.0,3.9\n,2,2,CC DChg,00:01:00\n"
    text += ",,2,00:00:01,00:01:01,-2.0,3.8\n,,3,00:00:02,00:01:02,-2.0,3.7\n"
    (cell,) = read(tmp_path, text)
    assert cell.table.column("tester_step_index").to_pylist() == [1, 2, 2]
    assert cell.table.column("tester_state").to_pylist() == ["Rest", "CC DChg", "CC DChg"]
    assert numbers(cell, "test_time_second") == [0, 61, 62]


def test_two_columns_of_one_name_are_told(tmp_path):
    text = "Test Time (s),Voltage (V),Voltage (V),Current (A)\n0,3.9,1,0\n1,3.8,1,-1\n"
    (cell,) = read(tmp_path, text)
    assert numbers(cell, "voltage_volt") == [3.9, 3.8]
    assert "2 columns are called 'Voltage (V)'; the first is taken" in cell.notes


def test_a_last_line_that_was_cut_off_is_left_out_and_told(tmp_path):
    (cell,) = read(tmp_path, PLAIN + "4,3.7,-2")
    assert cell.table.num_rows == 4
    assert any("cut off" in note for note in cell.notes)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("hello\nworld\n", "recipe"),
        ("time,voltage,current\n0,3.9,0\n1,3.8,-1\n", 'voltage = "V"'),
        (PLAIN.replace("3.80", "abc"), "line 4: column 'Voltage (V)': 'abc' is no number"),
        (PLAIN.replace("1,3.85,-2,1,2,25", "1,3.85"), "line 3: has 2 fields, not 6"),
        (PLAIN.replace("Current (A)", "Flow (A)"), "known as current"),
        (PLAIN.replace("(A)", "(furlong)"), "known as current"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place_and_a_way_out(tmp_path, text, words):
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert words in str(caught.value)
    assert "cell.csv" in str(caught.value)


def test_a_recipe_mends_what_was_refused(tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'cell = "X7"\nsign = "discharge positive"\n[columns]\ncurrent = "flow"\n'
        '[units]\ntime = "h"\nvoltage = "mV"\ncurrent = "mA"\n'
    )
    text = "time,voltage,flow\n0,3900,0\n1,3800,1000\n2,3700,1000\n"
    (cell,) = read(tmp_path, text, recipe=load_recipe(recipe))
    assert (cell.cell, numbers(cell, "test_time_second")) == ("X7", [0, 3600, 7200])
    assert numbers(cell, "current_ampere") == [0, -1, -1]
    assert numbers(cell, "voltage_volt") == pytest.approx([3.9, 3.8, 3.7])


def test_a_recipes_names_tell_where_the_table_begins(tmp_path):
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        '[columns]\ntime = "zeit"\nvoltage = "spannung"\ncurrent = "strom"\n'
        '[units]\ntime = "s"\nvoltage = "V"\ncurrent = "A"\n'
    )
    text = "Protokoll;7\n\nzeit;spannung;strom\n0;3,9;0\n1;3,8;-1\n"
    (cell,) = read(tmp_path, text, recipe=load_recipe(recipe))
    assert numbers(cell, "voltage_volt") == [3.9, 3.8]


@pytest.mark.parametrize("text", ["sing = 1\n", 'sign = "up"\n', "[columns]\nvolts = 3\n", "= 1"])
def test_a_recipe_that_is_wrong_says_where(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=r"recipe\.toml"):
        load_recipe(path)


def test_battery_data_format_parquet_is_read(tmp_path):
    table = pa.table(
        {"Test Time / h": [0.0, 1.0], "Voltage / V": [3.9, 3.8], "Current / A": [0.0, -1.0]}
    )
    pq.write_table(table, tmp_path / "x.bdf.parquet")
    (cell,) = read_files([tmp_path / "x.bdf.parquet"])
    assert (cell.format, numbers(cell, "test_time_second")) == ("bdf", [0, 3600])


def test_hdf5_columns_and_frames_of_pandas_are_read(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("frame")
        group["axis0"] = np.array([b"time_s", b"cell_current_a", b"cell_voltage_v"])
        group["block0_items"] = np.array([b"time_s", b"cell_current_a", b"cell_voltage_v"])
        group["block0_values"] = np.array([[0.0, 0, 3.9], [1, -1, 3.8]])
    (cell,) = read_files([tmp_path / "a.h5"])
    assert numbers(cell, "voltage_volt") == [3.9, 3.8]


def test_matlab_files_of_nasa_hold_operations_and_complex_spectra(tmp_path):
    def operation(kind, data):
        return {
            "type": kind,
            "ambient_temperature": 24,
            "time": np.array([2008.0, 4, 2, 13, 8, 17.9]),
            "data": data,
        }

    def signal(current, **more):
        return {
            "Voltage_measured": np.array([4.0, 3.9, 3.8]),
            "Current_measured": np.array([0.0, current, current]),
            "Temperature_measured": np.array([24.0, 25, 26]),
            "Time": np.array([0.0, 10, 20]),
            **more,
        }

    spectrum = {
        "Battery_impedance": np.array([0.1 + 0.2j, 0.3 - 0.1j]),
        "Rectified_Impedance": np.array([0.1 + 0.2j]),
        "Re": 0.05,
        "Rct": 0.07,
    }
    cycle = [
        operation("charge", signal(1.5)),
        operation("discharge", signal(-2.0, Capacity=0.0)),
        operation("impedance", spectrum),
    ]
    savemat(tmp_path / "B1.mat", {"B1": {"cycle": np.array(cycle, dtype=object)}})
    (cell,) = read_files([tmp_path / "B1.mat"])
    assert cell.operation.to_pylist() == [0, 0, 0, 1, 1, 1]
    assert cell.impedance.column("battery_impedance_ohm_imaginary").to_pylist() == [[0.2, -0.1]]
    assert any("no end of life" in note for note in cell.notes)


def test_a_packed_file_that_unpacks_to_too_much_is_refused(tmp_path):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"<x/>")
    data = sink.getvalue()
    size = data.rfind(b"PK\x01\x02") + 24
    data = data[:size] + (2**32 - 2).to_bytes(4, "little") + data[size + 4 :]
    with pytest.raises(DataError, match="unpacks to"):
        read(tmp_path, data, name="bomb.xlsx")


@pytest.mark.parametrize("data", [b"\x1f\x8b\x08 packed", bytes(range(32)) * 9])
def test_packed_and_unknown_binary_files_are_refused(tmp_path, data):
    with pytest.raises(DataError, match=r"packed|binary"):
        read(tmp_path, data, name="x.bin")


@given(st.integers(0, 40), st.integers(0, 59), st.integers(0, 59), st.integers(0, 99))
def test_clocks_of_days_are_seconds(hours, minutes, seconds, hundredths):
    text = f"{hours // 24}d {hours % 24:02}:{minutes:02}:{seconds:02}.{hundredths:02}"
    expected = 3600 * hours + 60 * minutes + seconds + hundredths / 100
    assert clock_s([text])[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    "text",
    [
        *("2020-12-31 13:00:00", "2020-12-31 13:00:00.000", "2020-12-31T13:00:00"),
        *("12/31/2020 13:00:00", "12/31/2020 1:00:00 PM", "31.12.2020 13:00:00"),
        *("31/12/2020 13:00:00", "31-Dec-20 1:00:00 PM", "2020-12-31 01:00:00 PM"),
    ],
)
def test_dates_of_every_land_are_one_moment(text):
    assert unix_s([text, None])[0] == 1609419600
    assert np.isnan(unix_s([text, None])[1])


def test_names_are_taken_apart_as_testers_write_them():
    assert parse_name("Current (A)") == ("current", "A")
    assert parse_name("U[V]") == ("u", "V")
    assert parse_name("I/mA") == ("i", "mA")
    assert parse_name("current_in_A") == ("current", "A")
    assert parse_name("Test Time / h") == ("test time", "h")
    roles = roles_of(["Test", "Step Time (s)", "Total Time (Seconds)", "Voltage (mV)", "Amps"])
    assert {role: found.place for role, found in roles.items()} == {
        "time": 2,
        "voltage": 3,
        "current": 4,
    }
