"""Start, watch, heal, fault and stop the components of an instance, on every stack: embedded, native, compose, external."""

from stacks import messages as messages  # importing any module of this package registers them
