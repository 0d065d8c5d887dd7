"""Starting, watching, breaking and stopping the parts of an instance: embedded, native."""
