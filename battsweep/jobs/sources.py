"""A user's own function in a Python file: executed, called, and its answer checked.

Only the driver, to plan, and solving processes do this; a mistake in the file
is told with the file's own line.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
import traceback
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import ModuleType
from typing import Any

from battsweep.jobs.environment import pin_environment
from battsweep.sweep.spec import Source


def call_model(source: Source, options: Mapping[str, object]) -> Any:
    """Return the PyBaMM model that a user's function makes.

    The function is given ``options`` by that name, where there are any.

    Raises
    ------
    ValueError
        If the file cannot be executed, has no such function, or that raises,
        takes no options though there are some, or returns something else.
    """
    pin_environment()
    import pybamm

    function = _function(source)
    if options and not _takes_options(function):
        raise ValueError(f"{_name(source)} takes no options; give it an argument 'options'")
    made = _call(source, function, **({"options": dict(options)} if options else {}))
    if not isinstance(made, pybamm.lithium_ion.BaseModel):
        raise ValueError(
            f"{_name(source)} returned {_kind(made)}; it must return a lithium-ion model,"
            " such as pybamm.lithium_ion.SPM() or a class made from pybamm.lithium_ion.BaseModel"
        )
    missing = [name for name in ("Voltage [V]", "Current [A]") if name not in made.variables]
    if missing:
        raise ValueError(f"{_name(source)} returned a model without the variable {missing[0]!r}")
    return made


def call_set(source: Source) -> Any:
    """Return the `pybamm.ParameterValues` that a user's function makes, or makes a dict for.

    Raises
    ------
    ValueError
        As `call_model`.
    """
    pin_environment()
    import pybamm

    made = _call(source, _function(source))
    if isinstance(made, pybamm.ParameterValues):
        return made.copy()
    if not isinstance(made, dict):
        raise ValueError(
            f"{_name(source)} returned {_kind(made)}; it must return pybamm.ParameterValues,"
            " or a dict of names and values"
        )
    try:
        return pybamm.ParameterValues(made)
    except Exception as error:
        raise ValueError(f"{_name(source)}: {type(error).__name__}: {error}") from error


def _function(source: Source) -> Callable[..., Any]:
    found: object = vars(_module(source)).get(source.function)
    if not callable(found):
        defined = [n for n, v in vars(_module(source)).items() if inspect.isfunction(v)]
        known = f"; it defines {', '.join(map(repr, defined))}" if defined else ""
        raise ValueError(f"{source.file} has no function {source.function!r}{known}")
    return found


@lru_cache(maxsize=64)
def _module(source: Source) -> ModuleType:
    """Return the module that a file is, executed once a process."""
    if hashlib.sha256(source.text.encode()).hexdigest() != source.sha256:
        raise ValueError(f"{source.file}: is not what was planned: its sha256 is another one")
    # Known to sys.modules as long as the process: dataclasses look their module up there.
    name = f"battsweep_source_{source.sha256[:16]}"
    module = ModuleType(name)
    module.__file__ = source.file
    sys.modules[name] = module
    try:
        exec(compile(source.text, source.file, "exec", dont_inherit=True), vars(module))
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        raise ValueError(f"{source.file} cannot be executed: {_told(error, source)}") from error
    return module


def _call(source: Source, function: Callable[..., Any], **arguments: object) -> Any:
    try:
        return function(**arguments)
    except MemoryError:
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"{_name(source)} raised {_told(error, source)}") from error


def _takes_options(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters
    return "options" in parameters or any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )


def _told(error: BaseException, source: Source) -> str:
    """Return an error's kind and text, and the last line of the file that it passed."""
    lines = [
        f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == source.file
    ]
    line = error.lineno if isinstance(error, SyntaxError) else (lines[-1] if lines else None)
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    return f"{type(error).__name__}: {text}" + (f" (line {line})" if line else "")


def _name(source: Source) -> str:
    return f"{source.file}:{source.function}"


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
