"""Lockstep's stand-in for azureml-core, for scripts that log with azureml.core.Run where it is not installed.

Where it is, this steps aside. Other packages below azureml are found in any case.
"""
import os
import sys


def _elsewhere():
    here = os.path.realpath(os.path.dirname(__file__))
    folders = []
    for entry in sys.path:
        folder = os.path.abspath(os.path.join(entry, "azureml"))
        if os.path.isdir(folder) and os.path.realpath(folder) != here and folder not in folders:
            folders.append(folder)
    return folders


_others = _elsewhere()
if any(os.path.isfile(os.path.join(folder, "core", "__init__.py")) for folder in _others):
    __path__ = _others
else:
    __path__ = [os.path.dirname(os.path.abspath(__file__))] + _others
