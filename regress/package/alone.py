#!/usr/bin/env python3
"""alone.py COMMAND...: runs it with a network of its own, loopback alone."""

import os
import sys

from program import own_network

if not own_network():
    sys.exit("alone: no network of its own to be had")
os.execvp(sys.argv[1], sys.argv[1:])
