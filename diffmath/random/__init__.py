"""Counter-based random numbers: the same words on every backend, device, batch size and chunking.

A `Key` is two 32-bit words on the host. `normal` and `uniform` apply the block function Philox4x32-10 to
(row, column, purpose) under the key, so element (i, j) is a pure function of (key, i, j): the first n rows do
not depend on the number of rows, and any slice of rows can be drawn separately, on any machine. New keys are
derived from old ones by `fold_in` (a number or a domain tag) and `split`. There is no global state.
"""

from diffmath.random._distributions import normal, uniform
from diffmath.random._key import Key, fold_in, key, split
from diffmath.random._streams import RowStream

__all__ = ["Key", "RowStream", "fold_in", "key", "normal", "split", "uniform"]
