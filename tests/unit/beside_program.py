"""A program in place of the notifications worker, which prints by what it was told who it is."""

import os

print(os.environ["ALPES_PART"], os.environ["ALPES_SUBSCRIPTION"])
