"""Loads the handler of a function, as Lambda does before the first event. The handler is not called."""
import importlib
import os
import sys

folder, handler = sys.argv[1:]
module, _, name = handler.rpartition('.')
sys.path.insert(0, folder)
getattr(importlib.import_module(module.replace('/', '.')), name)
# Not `exit`: threads that the code started would keep the process.
sys.stdout.flush()
sys.stderr.flush()
os._exit(0)
