"""Build of the wheel: the same build.sh that builds in place, told to build into setuptools' directory.

What the linker needs to find libguestfs is taken from GUESTFS_LIBDIR and LDFLAGS (see build.sh).
"""

import os
import shutil
import subprocess
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist

HERE = os.path.dirname(os.path.abspath(__file__))
# What build.sh uses, and where it stands in the project, seen from here.
PARTS = {
    "build.sh": ".",
    "src": ".",
    "glue/src": "..",
    "generated/c/guestfs.h": "../..",
    "generated/glue": "../..",
    "generated/python": "../..",
}


class Build(build_ext):
    """Let build.sh place the package and its extension."""

    def run(self):
        out = HERE if self.inplace else self.build_lib
        environ = dict(os.environ, PYTHON=sys.executable)
        subprocess.run(["sh", os.path.join(HERE, "build.sh"), os.path.abspath(out)], check=True, env=environ)

    def get_outputs(self):
        names = ["guestfs/__init__.py", "guestfs/__init__.pyi", "guestfs/py.typed", "libguestfsmod.abi3.so"]
        return [os.path.join(self.build_lib, name) for name in names]


class Source(sdist):
    """The source distribution has all parts beside build.sh."""

    def make_release_tree(self, base_dir, files):
        super().make_release_tree(base_dir, files)
        for part, place in PARTS.items():
            source, target = os.path.join(HERE, part), os.path.join(base_dir, part)
            if not os.path.exists(source):
                source = os.path.join(HERE, place, part)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            if os.path.isdir(source):
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy2(source, target)


setup(
    packages=[],
    py_modules=[],
    ext_modules=[Extension("libguestfsmod", sources=[], py_limited_api=True)],
    cmdclass={"build_ext": Build, "sdist": Source},
    options={"bdist_wheel": {"py_limited_api": "cp39"}},
)
