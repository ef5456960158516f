"""Pickles of arrays, read through an allow-list: nothing that a file names is imported or run."""

import copyreg
import pickle
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from scipy import sparse

_NUMPY = {
    "ndarray": np.ndarray,
    "dtype": np.dtype,
    "_reconstruct": np.ndarray((0,)).__reduce__()[0],
    "scalar": np.float64(0).__reduce__()[0],
}
_SPARSE = {f"{kind}_matrix": getattr(sparse, f"{kind}_matrix") for kind in ("csc", "csr", "coo")}
_PLAIN = {
    ("copyreg", "_reconstructor"): copyreg._reconstructor,  # type: ignore[attr-defined]
    ("builtins", "object"): object,
    ("builtins", "dict"): dict,
    ("builtins", "list"): list,
    ("builtins", "set"): set,
    ("collections", "OrderedDict"): dict,
    ("_codecs", "encode"): lambda text, _: text.encode("latin1"),
}


class Chumpy:
    """What stands in for any object of chumpy: the state it was pickled with, from which its array can be had."""

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Keep the state as it comes."""
        self.state = dict(state)

    def array(self) -> np.ndarray[Any, Any]:
        """The values: those of a plain `Ch`, or the picked ones of a `Select`.

        Raises:
            ValueError: another kind of chumpy expression.
        """
        if "x" in self.state:
            return np.asarray(plain(self.state["x"]))
        if {"a", "idxs", "preferred_shape"} <= self.state.keys():
            source = np.asarray(plain(self.state["a"])).ravel()
            picked: np.ndarray[Any, Any] = source[np.asarray(self.state["idxs"])]
            return picked.reshape(self.state["preferred_shape"])
        raise ValueError(f"chumpy: expected values or a selection of values, got the fields {sorted(self.state)}")


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
        root = module.partition(".")[0]
        if root == "numpy" and name in _NUMPY:
            return _NUMPY[name]
        if module.startswith("scipy.sparse") and name in _SPARSE:
            return _SPARSE[name]
        if root == "chumpy":
            return Chumpy
        if (module, name) in _PLAIN:
            return _PLAIN[module, name]
        named = f"{module}.{name}".encode("unicode_escape").decode()
        raise ValueError(f"names {named}, which is not needed for arrays; nothing was run")


def unpickle(file: BinaryIO) -> Any:
    """The content of a pickle of arrays in an open file; raises nearly anything where it is broken or hostile."""
    return _Unpickler(file, encoding="latin1").load()


def read_pickle(path: Path) -> Any:
    """The content of a pickle of arrays, dictionaries, lists, numbers and strings (also of Python 2).

    Known are numpy's arrays and numbers, scipy's sparse matrices and chumpy's arrays (as `Chumpy`).

    Raises:
        ValueError: no pickle, a cut one, or one that names anything else; nothing of it is run.
    """
    try:
        with open(path, "rb") as file:
            return unpickle(file)
    except ValueError as error:
        raise ValueError(f"{path}: not read: {error}") from None
    except Exception as error:  # a hostile or cut pickle can raise nearly anything
        raise ValueError(f"{path}: expected a pickle of arrays, got {type(error).__name__}: {error}") from None


def plain(value: Any) -> Any:
    """A chumpy stand-in or a sparse matrix as a numpy array; anything else as it is.

    Raises:
        ValueError: the matrix's indices do not fit its shape.
    """
    if isinstance(value, Chumpy):
        return value.array()
    if sparse.issparse(value):
        value.check_format(full_check=True)  # its indices come from a file and would be used unchecked
        return value.toarray()
    return value
