"""Send hostile inputs to a running instance, and account for each of them.

This package holds the generators of inputs (pure, reproducible from a seed), the drivers that send them over the four
channels, the accountant that finds the fate of each input in the sources, and the shrinker of failing inputs. It uses the
product from outside: it sends what any client could send, and reads what the components store.
"""
