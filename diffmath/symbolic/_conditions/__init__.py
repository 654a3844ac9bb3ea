"""Order conditions of all families of methods, generated from trees and words without SymPy.

Belongs here: trees, words, and the conditions they give. May import: `_core` only, so that `ode` does not
load SymPy.
"""
