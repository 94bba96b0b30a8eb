"""Tracked runs in; scores, tables, figures and the report out."""
