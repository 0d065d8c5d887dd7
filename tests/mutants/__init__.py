"""Parts broken on purpose, one way each, to run in place of a part's own: a scenario that cannot tell is worth nothing."""
