"""Start, watch, heal, fault and stop the components of an instance, on every stack: embedded, native, compose, external."""
