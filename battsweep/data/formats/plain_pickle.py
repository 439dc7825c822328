"""Pickles that hold plain values only; no code of theirs is ever called.

A pickle is a program. Here every name in it is looked up in a short list, whose
entries are functions of this file that check what they are given and make plain
values; any other name is refused before anything happens.
"""

from __future__ import annotations

import io
import pickle
import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from battsweep.data.formats.source import UNPACKED_BYTES, Source, refusal

_DEEPEST = 50
_KINDS = "biufcSU"
"""NumPy's kinds of plain numbers and texts; objects are not among them."""


class _Refused(pickle.UnpicklingError):
    """What a pickle asks for is not plain."""


class _Dtype:
    """A NumPy type while its state is still to come."""

    def __init__(self, text: object, *_: object) -> None:
        self.text = str(text)

    def __setstate__(self, state: object) -> None:
        order = state[1] if isinstance(state, tuple) and len(state) > 1 else "|"
        if order in ("<", ">") and self.text[:1].isalpha():
            self.text = f"{order}{self.text}"

    def made(self) -> np.dtype[Any]:
        try:
            found = np.dtype(self.text)
        except TypeError as error:
            raise _Refused(f"a NumPy type {self.text!r}") from error
        if found.kind not in _KINDS or found.hasobject:
            raise _Refused(f"NumPy arrays of {self.text!r}; only plain numbers and texts are read")
        return found


class _Array:
    """A NumPy array while its state is still to come."""

    value: np.ndarray[Any, Any] | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise _Refused("a NumPy array with an odd state")
        _, shape, dtype, fortran, data = state
        self.value = _filled(data, dtype, shape, "F" if fortran else "C")


def _filled(data: object, dtype: object, shape: object, order: str) -> np.ndarray[Any, Any]:
    if not isinstance(data, bytes | bytearray) or not isinstance(dtype, _Dtype):
        raise _Refused("a NumPy array of objects; only plain numbers and texts are read")
    kind = dtype.made()
    if not isinstance(shape, tuple) or not all(isinstance(n, int) and n >= 0 for n in shape):
        raise _Refused(f"a NumPy array of the shape {shape!r}")
    count = int(np.prod(shape, dtype=object)) if shape else 1
    if count * kind.itemsize != len(data):
        raise _Refused(f"a NumPy array of the shape {shape!r} with {len(data)} bytes")
    return np.frombuffer(bytes(data), dtype=kind).reshape(shape, order="F" if order == "F" else "C")


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _from_buffer(data: object, dtype: object, shape: object, order: str = "C") -> _Array:
    made = _Array()
    made.value = _filled(bytes(data) if isinstance(data, bytearray) else data, dtype, shape, order)
    return made


def _scalar(dtype: object, data: object = b"") -> object:
    if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
        raise _Refused("a NumPy scalar of an object")
    kind = dtype.made()
    if kind.itemsize != len(data):
        raise _Refused("a NumPy scalar of an odd size")
    return np.frombuffer(data, dtype=kind)[0].item()


def _encode(text: object, encoding: object = "latin1") -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8"):
        raise _Refused(f"_codecs.encode with {encoding!r}")
    return text.encode(str(encoding))


def _ordered(pairs: object = ()) -> dict[Any, Any]:
    return dict(pairs) if isinstance(pairs, list | tuple) else {}


_KNOWN: dict[tuple[str, str], Callable[..., object]] = {
    ("_codecs", "encode"): _encode,
    ("builtins", "bytearray"): lambda *given: bytes(*given) if given else b"",
    ("collections", "OrderedDict"): _ordered,
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): lambda *_: None,
}
for _home in ("numpy.core", "numpy._core"):
    _KNOWN[f"{_home}.multiarray", "_reconstruct"] = _reconstruct
    _KNOWN[f"{_home}.multiarray", "scalar"] = _scalar
    _KNOWN[f"{_home}.numeric", "_frombuffer"] = _from_buffer


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        """Return one of this file's own functions; refuse every other name."""
        try:
            return _KNOWN[module, name]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        """Refuse a reference to what is outside."""
        raise _Refused(f"something outside itself ({pid!r})")


def load_plain(source: Source) -> Any:
    """Return what a pickle holds: dicts, lists, texts, numbers and NumPy arrays of these.

    Raises
    ------
    DataError
        If it asks for anything else, by its name; or is no pickle.
    """
    try:
        _scan(source)
        found = _Unpickler(io.BytesIO(source.data)).load()
        return _plain(found)
    except _Refused as error:
        raise refusal(
            source.path,
            f"this pickle asks for {error}; only plain values are read from pickles, since "
            "any other could run a program; ask its author for CSV, Parquet or HDF5",
        ) from error
    except Exception as error:  # broken pickles raise nearly anything
        raise refusal(source.path, f"is no pickle that can be read: {error!r}") from error


def _scan(source: Source) -> None:
    """Raise for names that are not known, and lengths that cannot be, before anything is made."""
    for code, argument, _ in pickletools.genops(source.data):
        if code.name in ("GLOBAL", "INST"):
            module, _, name = str(argument).partition(" ")
            if (module, name) not in _KNOWN:
                raise _Refused(f"{module}.{name}")
        elif code.name in ("EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "NEXT_BUFFER"):
            raise _Refused(f"an object by reference ({code.name})")
        elif isinstance(argument, int) and argument.bit_length() > 4096:
            raise _Refused("an integer of thousands of digits")


def _plain(found: object, depth: int = 0) -> Any:
    """Return the same with arrays in their places; refuse what is too deep or refers to itself."""
    if depth > _DEEPEST:
        raise _Refused(f"values nested more than {_DEEPEST} deep")
    if isinstance(found, _Array):
        if found.value is None or found.value.nbytes > UNPACKED_BYTES:
            raise _Refused("a NumPy array without content, or with too much")
        return found.value
    if isinstance(found, dict):
        return {_plain(key, depth + 1): _plain(one, depth + 1) for key, one in found.items()}
    if isinstance(found, list):
        if all(one is None or isinstance(one, int | float | str) for one in found):
            return found
        return [_plain(one, depth + 1) for one in found]
    if isinstance(found, tuple):
        return tuple(_plain(one, depth + 1) for one in found)
    if found is None or isinstance(found, bool | int | float | complex | str | bytes | set):
        return found
    raise _Refused(f"a {type(found).__name__}")
