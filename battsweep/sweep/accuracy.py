"""What a pair of solver tolerances means for the voltage, as measured."""

from __future__ import annotations

# Largest voltage error against rtol 1e-8, atol 1e-10; SPM, SPMe, DFN of Chen2020, by
# benchmarks/accuracy.py: constant currents, CCCV, smooth, pulsed, measured and noisy profiles.
_MEASURED = (
    (1e-5, 1e-6, "the voltage is within 0.1 mV of a tight solution"),
    (
        1e-4,
        1e-6,
        "the voltage is within about 0.1 mV of a tight solution at constant currents and in steps;"
        " in profiles within about 0.3 mV (SPM: 1 mV), with rtol 1e-5 within 0.1 mV",
    ),
)


def expected_accuracy(rtol: float, atol: float) -> str:
    """Return a sentence on the voltage's error with these tolerances."""
    for largest_rtol, largest_atol, sentence in _MEASURED:
        if rtol <= largest_rtol and atol <= largest_atol:
            return f"{sentence} (measured on one set: benchmarks/accuracy.py)"
    return (
        "the voltage may be more than 1 mV from a tight solution: tolerances this wide are coarse"
    )
