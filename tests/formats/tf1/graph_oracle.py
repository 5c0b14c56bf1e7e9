"""Run under TensorFlow: writes small graphs in every form a TensorFlow 1 user could have, and what they compute.

    python graph_oracle.py FOLDER [CASE ...]

Each case is a folder with the model's files, feeds.npz, and for each mode values.npz: every tensor that can be fetched.
"""

import sys
from pathlib import Path

import graph_cases_conditional
import graph_cases_inputs
import graph_cases_loops
import graph_cases_training
from graph_storing import CASES

# each puts its cases into the table
FILES = (graph_cases_conditional, graph_cases_inputs, graph_cases_loops, graph_cases_training)

# these are made only where they are named
SLOW = ("recurrent_keras", "loop_in_loop_functions")

for name in sys.argv[2:] or [name for name in CASES if name not in SLOW]:
    CASES[name](Path(sys.argv[1]))
