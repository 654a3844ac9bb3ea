"""Floor 0, what every package needs and no array library is needed for: types, errors, results, checks.

Belongs here: the types of the signatures, `Solution` and `SolveError`, flags and counts checked at the edge,
names that load on first use, progress bars. May import: the standard library, NumPy and, when asked, tqdm.
"""
