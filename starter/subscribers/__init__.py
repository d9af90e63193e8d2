"""Subscribers from a file and into one: CSV or JSON Lines, row by row, in little memory however long it is."""
