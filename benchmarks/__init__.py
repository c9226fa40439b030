"""How fast deepbasics is beside its peers: `python -m benchmarks`. See README.md here."""
