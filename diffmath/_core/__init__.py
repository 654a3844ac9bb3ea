"""Floor 0, needed by every package and independent of array libraries: types, errors, results, checks.

Belongs here: the types of signatures, `Solution` and `SolveError`, checks of flags and counts, names that
load on first use, progress bars. May import: the standard library, NumPy and, on demand, tqdm.
"""
