"""What may be collected here: the torch backend's doctests need torch."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("torch") else ["deepbasics/backends/torch/*"]
