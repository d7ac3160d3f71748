"""Builds the compiled core from the definitions in rvh/isa, and firmware and guests with the clang of ziglang.

Everything generated goes to build/; the images go to rvh/images, from where the wheel takes them.
"""

import os
import platform
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
GEN = ROOT / "build" / "gen"
sys.path.insert(0, str(ROOT))

# Handlers must end in sibling calls, keep floating point as written, and carry no instrumentation that costs a slot.
FLAGS = [
    "-O2",
    "-g1",
    "-std=gnu11",
    "-fno-strict-aliasing",
    "-fwrapv",
    "-fno-semantic-interposition",
    "-fvisibility=hidden",
    "-fno-stack-protector",
    "-fomit-frame-pointer",
    "-frounding-math",
    "-ftrapping-math",
    "-fno-math-errno",
    "-ffp-contract=off",
    "-foptimize-sibling-calls",
    "-Wno-unused-function",
    "-Wno-sign-compare",
    "-Wno-bool-operation",
]
if platform.machine() in ("x86_64", "AMD64"):
    FLAGS.append("-fcf-protection=none")


class BuildExt(build_ext):
    """Generates the C and Cython sources first, then compiles."""

    def run(self):
        from Cython.Build import cythonize

        from rvh.emit import generate

        generate(GEN)
        fast = self.extensions[0]
        fast.depends = [str(p) for p in sorted(ROOT.glob("rvh/core/*.h")) + sorted(GEN.glob("*.h"))]
        newest = max(
            p.stat().st_mtime for p in [*ROOT.glob("rvh/**/*.pxi"), *GEN.glob("*.pxi"), ROOT / "rvh/_fast.pyx"]
        )
        out = ROOT / "build" / "cython" / "rvh" / "_fast.c"
        options = {
            "build_dir": "build/cython",
            "include_path": [str(GEN), str(ROOT / "rvh")],
            "force": not out.exists() or out.stat().st_mtime < newest,
            "compiler_directives": {"language_level": 3},
        }
        done = cythonize([fast], **options)
        self.extensions = done
        for extension in done:
            extension._needs_stub = False
        super().run()


class BuildPy(build_py):
    """Also builds firmware and guests, unless RVH_NO_IMAGES is set."""

    def run(self):
        if not os.environ.get("RVH_NO_IMAGES"):
            from tools import crossbuild

            crossbuild.build_firmware(ROOT / "rvh" / "images")
            crossbuild.build_guests(ROOT / "rvh" / "images")
        super().run()


setup(
    ext_modules=[
        Extension(
            "rvh._fast",
            [
                "rvh/_fast.pyx",
                "build/gen/handlers.c",
                "build/gen/decode.c",
                "rvh/core/dispatch.c",
                "rvh/core/fp_soft.c",
                "rvh/core/vector.c",
                "rvh/core/vector_permute.c",
                "rvh/core/vector_memory.c",
                "rvh/core/vector_loops.c",
                "rvh/core/vector_wide.c",
                "rvh/core/vector_soft.c",
            ],
            include_dirs=["build/gen", "rvh/core"],
            extra_compile_args=FLAGS,
        )
    ],
    cmdclass={"build_ext": BuildExt, "build_py": BuildPy},
)
