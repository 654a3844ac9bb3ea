"""What the package offers, as tables: samplers with orders and costs, and their names in other libraries.

Belongs here: lists of public objects, and data about other libraries. May import: every other room.
"""
