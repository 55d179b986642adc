"""Arrow tables put on top of each other into numpy columns, without holding more of them than one at a time.

Memory that is touched for the first time costs more than what is done with it: joining a million rows in Arrow and
converting them afterwards takes twice as long as filling their final place piece by piece.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray


class Stacked:
    """At most `rows` rows of the `wanted` columns of a schema, filled by one table after the other."""

    def __init__(self, rows: int, schema: pa.Schema, wanted: Sequence[str]) -> None:
        import pyarrow as pa

        self._rows = 0
        self._names: dict[str, dict[str, int]] = {}
        self._columns: dict[str, NDArray[Any]] = {}
        for name in wanted:
            kind = schema.field(name).type
            if pa.types.is_dictionary(kind):
                self._names[name] = {}
                self._columns[name] = np.empty(rows, dtype=np.int32)
            elif pa.types.is_timestamp(kind):
                self._columns[name] = np.empty(rows, dtype=np.int64)
            else:
                self._columns[name] = np.empty(rows, dtype=bool if pa.types.is_boolean(kind) else np.float64)

    def add(self, table: pa.Table) -> None:
        """Put a table beneath what is there already."""
        here = slice(self._rows, self._rows + table.num_rows)
        for name, column in self._columns.items():
            values = table[name].combine_chunks()
            if name in self._names:
                column[here] = self._codes(name, values)
            elif column.dtype == np.int64:
                column[here] = values.cast("int64").to_numpy()
            else:
                column[here] = values.to_numpy(zero_copy_only=False)  # missing numbers become NaN
        self._rows += table.num_rows

    def _codes(self, name: str, values: pa.DictionaryArray) -> NDArray[np.int32]:
        known = self._names[name]
        place = [known.setdefault(text, len(known)) for text in values.dictionary.to_pylist()]
        found: NDArray[np.int32] = np.array([*place, -1], dtype=np.int32)[values.indices.fill_null(-1).to_numpy()]
        return found

    def flags(self, name: str) -> NDArray[np.bool_]:
        """A column of truth values, (n,)."""
        return self._columns[name][: self._rows]

    def moments_us(self, name: str) -> NDArray[np.int64]:
        """A column of instants, (n,), in microseconds since 1970."""
        return self._columns[name][: self._rows]

    def numbers(self, name: str, per_unit: float = 1.0) -> NDArray[np.float64]:
        """A column of numbers, (n,), in units of so many of its own; NaN where a value is missing."""
        values: NDArray[np.float64] = self._columns[name][: self._rows]
        return values / per_unit if per_unit != 1 else values

    def categorical(self, name: str) -> pd.Categorical:
        """A column of text."""
        return pd.Categorical.from_codes(
            self._columns[name][: self._rows], categories=pd.Index(list(self._names[name]), dtype="str")
        )
