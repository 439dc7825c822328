"""The rows of the benchmark table: what is swept, for battsweep and for its peers alike."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

US06 = Path(__file__).parent.parent / "examples/data/us06.csv"
DIFFUSIVITY = "Negative particle diffusivity [m2.s-1]"
FRACTION = "Positive electrode active material volume fraction"
TRANSFERENCE = "Cation transference number"
RTOL, ATOL = 1e-5, 1e-6
"""battsweep's defaults; the limit and all peers solve with them too."""
CCCV = (
    "Discharge at 1C until 2.5 V",
    "Rest for 10 minutes",
    "Charge at C/2 until 4.2 V",
    "Hold at 4.2 V until C/20",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A row: ``tasks`` points over ``ranges``, each name from low to high.

    ``steps`` or ``profile`` say what is done to the cell; else it is a
    discharge at 1C for ``end_s``. ``inputs`` is whether PyBaMM takes the names
    as inputs of one built model and gives what a fresh simulation gives;
    ``symbolic`` whether that needs the symbolic mesh.
    """

    name: str
    model: str
    tasks: int
    ranges: Mapping[str, tuple[float, float]]
    parameter_set: str = "Chen2020"
    every_s: float = 30.0
    end_s: float = 3000.0
    steps: tuple[str, ...] = ()
    profile: bool = False
    inputs: bool = True
    symbolic: bool = False
    overrides: Mapping[str, float] = field(default_factory=dict)

    def points(self, count: int) -> list[dict[str, float]]:
        """Return ``count`` of the points that are swept, evenly spread, ends included.

        Each further name runs the other way round, so that they vary against each other.
        """
        made = []
        for k in range(count):
            share = k / max(1, count - 1)
            point = {}
            for number, (name, (low, high)) in enumerate(self.ranges.items()):
                at = share if number % 2 == 0 else 1 - share
                point[name] = low + (high - low) * at
            made.append(point)
        return made

    def sweep(self, *, compile: str = '"auto"') -> str:
        """Return the sweep file."""
        points = self.points(self.tasks)
        lines = [
            f'name = "{self.name}"',
            f'[cells.cell]\nparameter_set = "{self.parameter_set}"',
            f"[models.{self.model}]",
            f"[protocols.p]\n{self._protocol()}",
            "[[axes]]",
            *(f"{name!r} = {[point[name] for point in points]}" for name in self.ranges),
            f"[output]\nevery = {self.every_s}",
            f"[run]\ncompile = {compile}\nsolver = {{ rtol = {RTOL}, atol = {ATOL} }}",
        ]
        return "\n".join(lines) + "\n"

    def _protocol(self) -> str:
        if self.steps:
            return f"steps = {list(self.steps)}"
        if self.profile:
            return f'profile = "{US06}"\npositive = "discharge"'
        return f'discharge = "1C"\nduration = {self.end_s}'


CONSTANT = {DIFFUSIVITY: (3e-14, 6e-14), FRACTION: (0.64, 0.7)}
GEOMETRY = {
    "Negative electrode thickness [m]": (80e-6, 95e-6),
    "Positive particle radius [m]": (4.5e-6, 6e-6),
}
ALL = (
    Case("SPM", "SPM", 20_000, CONSTANT),
    Case("SPMe", "SPMe", 8_000, CONSTANT),
    Case("DFN", "DFN", 2_000, CONSTANT),
    Case("CCCV", "SPMe", 500, CONSTANT, steps=CCCV, every_s=60.0),
    Case(
        "US06",
        "SPMe",
        200,
        {DIFFUSIVITY: (3e-14, 6e-14), TRANSFERENCE: (0.35, 0.45)},
        parameter_set="Marquis2019",
        profile=True,
        every_s=1.0,
        end_s=600.0,
    ),
    Case("geometry", "SPMe", 300, GEOMETRY, symbolic=True),
    Case("rebuild", "SPMe", 100, {"Negative electrode porosity": (0.22, 0.28)}, inputs=False),
)
