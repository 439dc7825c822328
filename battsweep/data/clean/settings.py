"""Every rule of cleaning with its parameters; what a recipe's ``[cleaning]`` may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

from pydantic import TypeAdapter, ValidationError, with_config

from battsweep.errors import DataError


@with_config(extra="forbid")
@dataclass(frozen=True, slots=True)
class Cleaning:
    """Switches and parameters of the rules; docs/cleaning.md says what each does.

    Times are in s, voltages in V, currents in A, temperatures in degC; shares are
    of the largest current (its 99th percentile), or of the largest half cycle.
    """

    duplicates: bool = True
    operations: bool = True
    midnight_wraps: bool = True
    clock_steps: bool = True
    clock_step_rows: int = 20
    clock_step_least_s: float = 2.0
    repeated_times: bool = True
    repeated_time_s: float = 1e-3
    nonincreasing_times: bool = True
    sensor_faults: bool = True
    temperature_lowest: float = -60.0
    temperature_highest: float = 150.0
    temperature_jump: float = 15.0
    voltage_range: bool = True
    voltage_lowest: float = -0.5
    voltage_highest: float = 6.0
    voltage_spikes: bool = True
    voltage_spike: float = 0.15
    spike_rows: int = 3
    current_spikes: bool = True
    current_spike: float = 5.0
    missing_values: bool = True
    missing_rows: int = 10
    missing_s: float = 1200.0
    gaps: bool = True
    gap_times: float = 20.0
    gap_s: float = 300.0
    step_glitches: bool = True
    step_glitch_rows: int = 4
    cycle_jumps: bool = True
    state_signs: bool = True
    rest_share: float = 0.005
    same_current_share: float = 0.03
    hold_volt: float = 0.005
    other_rows: int = 4
    cycle_share: float = 0.1

    def of(self, *names: str) -> dict[str, float | str | bool]:
        """Return some parameters by name, as a rule's count keeps them."""
        return {name: getattr(self, name) for name in names}


def settings_of(given: Mapping[str, object] | Cleaning | None) -> Cleaning:
    """Return the rules' settings that a recipe's table says; the defaults for the rest.

    Raises
    ------
    DataError
        If a key is not known, or its value cannot be; with what is.
    """
    if isinstance(given, Cleaning):
        return given
    try:
        return TypeAdapter(Cleaning).validate_python({**asdict(Cleaning()), **(given or {})})
    except ValidationError as error:
        known = ", ".join(one.name for one in fields(Cleaning))
        told = [
            f"cleaning.{'.'.join(map(str, one['loc']))}: {one['msg']}, not {one['input']!r}"
            for one in error.errors()
        ]
        raise DataError("\n".join([*told, f"known are {known}"])) from error
