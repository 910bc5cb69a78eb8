"""Build of the wheel: the same build.sh that builds in place, told to build into setuptools' directory.

What the linker needs to find libguestfs is taken from GUESTFS_LIBDIR and LDFLAGS (see build.sh).
"""

import os
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

HERE = os.path.dirname(os.path.abspath(__file__))


class Build(build_ext):
    """Let build.sh place the package and its extension."""

    def run(self):
        out = HERE if self.inplace else self.build_lib
        environ = dict(os.environ, PYTHON=sys.executable)
        subprocess.run(["sh", os.path.join(HERE, "build.sh"), os.path.abspath(out)], check=True, env=environ)

    def get_outputs(self):
        names = ["guestfs/__init__.py", "guestfs/__init__.pyi", "guestfs/py.typed", "libguestfsmod.abi3.so"]
        return [os.path.join(self.build_lib, name) for name in names]


setup(
    packages=[],
    py_modules=[],
    ext_modules=[Extension("libguestfsmod", sources=[], py_limited_api=True)],
    cmdclass={"build_ext": Build},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
