"""``python -m rvh.emit --out build/gen``: writes the generated C."""

import argparse
from pathlib import Path

from . import generate

parser = argparse.ArgumentParser(prog="python -m rvh.emit", description=__doc__)
parser.add_argument("--out", type=Path, default=Path("build/gen"), help="folder to write to (default: %(default)s)")
for path in generate(parser.parse_args().out):
    print(path)
