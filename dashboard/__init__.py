"""Serve the web page. Its modules are thin: a widget calls a service, and `components` draw the result.

The page opens no consumer; what it shows was measured elsewhere.
"""
