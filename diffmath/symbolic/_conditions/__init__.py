"""Order conditions of every family, generated from trees and words; no SymPy.

Belongs here: trees, words, and the conditions they give. May import: `_core` only, so that `ode` loads no
SymPy.
"""
