import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent / "core")]

from vrig import VectorRig  # noqa: E402


@pytest.fixture(scope="module")
def shared(request: pytest.FixtureRequest) -> VectorRig:
    """One hart for all tests of a module, with the extensions that it says in ISA."""
    return VectorRig(isa=request.module.ISA)


@pytest.fixture
def rig(shared: VectorRig) -> VectorRig:
    return shared.fresh()
