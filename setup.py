"""The ears' kernel, which pyproject.toml cannot declare yet. All else stands there."""

import sys

from setuptools import Extension, setup

ANY_ORDER = ["-fno-math-errno", "-fno-trapping-math", "-fno-signed-zeros", "-fassociative-math"]
"""Sums may be taken in any order, as vectors need."""

kernel = Extension(
    "pipeline.ears.kernel",
    ["pipeline/ears/kernel.pyx"],
    extra_compile_args=[] if sys.platform == "win32" else ["-O3", *ANY_ORDER],
    optional=True,  # without a compiler numpy computes
)
setup(ext_modules=[kernel])
