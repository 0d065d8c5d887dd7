"""The page. Thin pages: widget → service → render. It opens no consumer; what it shows was measured elsewhere."""
