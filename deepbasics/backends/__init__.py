"""Backends: what one owes (`protocol`), how one is found (`registry`), and the two that ship."""
