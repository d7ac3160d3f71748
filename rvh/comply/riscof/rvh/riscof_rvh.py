"""RISCOF plug-in for rvh: compiles each test, runs it with rvh-run, leaves its signature where RISCOF looks for it.

Keys of the section [rvh] in config.ini: pluginpath, ispec, pspec; PATH, the folder of rvh-run (else that of the running
Python, then the search path); compiler, a command that takes gcc's options (riscv64-unknown-elf-gcc); granularity,
bytes in a line of a signature, which must be what the reference plug-in writes (8); jobs, tests at a time; limit,
instructions of a test; target_run=0 only compiles.
"""

import logging
import os
import shlex
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import riscof.utils as utils
from riscof.pluginTemplate import pluginTemplate

logger = logging.getLogger()

GCC = "riscv64-unknown-elf-gcc"
LIMIT = 50_000_000


class rvh(pluginTemplate):
    """The device under test."""

    __model__ = "rvh"
    __version__ = "0.1"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        config = kwargs.get("config")
        if config is None:
            raise SystemExit("config.ini needs a section [rvh] with pluginpath, ispec and pspec")
        folders = [config["PATH"]] if "PATH" in config else [os.path.dirname(sys.executable), *os.get_exec_path()]
        self.dut_exe = shutil.which("rvh-run", path=os.pathsep.join(folders))
        if self.dut_exe is None:
            raise SystemExit(f"there is no rvh-run in {os.pathsep.join(folders)}")
        self.pluginpath = os.path.abspath(config["pluginpath"])
        self.isa_spec = os.path.abspath(config["ispec"])
        self.platform_spec = os.path.abspath(config["pspec"])
        self.compiler = shlex.split(config.get("compiler", GCC))
        self.jobs = int(config.get("jobs", len(os.sched_getaffinity(0))))
        self.limit = int(config.get("limit", LIMIT))
        self.granularity = config.get("granularity", "8")
        self.target_run = config.get("target_run", "1") != "0"

    def initialise(self, suite, work_dir, archtest_env):
        """Called with the folders of the suite, of the results and of the tests' headers."""
        self.work_dir = work_dir
        env = os.path.join(self.pluginpath, "env")
        self.compile = [
            *self.compiler, "-mabi=lp64", "-static", "-mcmodel=medany", "-fvisibility=hidden", "-nostdlib",
            "-nostartfiles", "-g", "-T", os.path.join(env, "link.ld"), "-I", env, "-I", archtest_env,
        ]  # fmt: skip

    def build(self, isa_yaml, platform_yaml):
        """Called with the checked descriptions, before any test."""
        spec = utils.load_yaml(isa_yaml)["hart0"]
        if 64 not in spec["supported_xlen"]:
            raise SystemExit("rvh has only RV64")
        self.isa = spec["ISA"].lower()
        if shutil.which(self.compiler[0]) is None:
            raise SystemExit(f"the compiler {self.compiler[0]} is not there: name one with compiler= in config.ini")

    def runTests(self, testList):  # noqa: N802, N803
        """Runs them all; RISCOF then compares the signatures."""
        with ThreadPoolExecutor(self.jobs) as pool:
            for name, error in zip(testList, pool.map(self._one, testList.values()), strict=True):
                if error:
                    logger.error(f"{name}: {error}")
        if not self.target_run:
            raise SystemExit(0)

    def _one(self, entry):
        folder = entry["work_dir"]
        elf = os.path.join(folder, "my.elf")
        signature = os.path.join(folder, self.name[:-1] + ".signature")
        march = "-march=" + entry["isa"].lower()
        macros = ["-D" + macro for macro in entry["macros"]]
        error = self._run([*self.compile, march, *macros, entry["test_path"], "-o", elf], folder, "compile.log")
        if error or not self.target_run:
            return error
        command = [self.dut_exe, "--bare", elf, "--max-insns", str(self.limit), "--signature", signature]
        return self._run([*command, "--signature-granularity", self.granularity], folder, "run.log")

    @staticmethod
    def _run(command, folder, log):
        """Runs a command; its last words if it fails."""
        path = os.path.join(folder, log)
        with open(path, "w") as file:
            file.write(shlex.join(command) + "\n")
            file.flush()
            status = subprocess.run(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT
            ).returncode
        if status == 0:
            return ""
        with open(path, errors="replace") as file:
            last = file.read().strip().splitlines()[-1]
        return f"{os.path.basename(command[0])} ended with status {status}: {last} ({path})"
