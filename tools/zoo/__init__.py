"""The bug zoo: historic mistakes of emulators and cores, each of which the tests must notice.

    python -m tools.zoo             build, then the score: which mistakes the tests catch
    python -m tools.zoo NAME ...    some of them, with what the tests say

The core stays free of them: `build` makes a copy of the package in build/zoo, in which every mistake of `mistakes`
stands beside the right code, chosen by the environment variable RVH_MISTAKE. This is how the tests are tested.
"""
