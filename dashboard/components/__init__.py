"""Draw the elements of the pages: each takes a view model and renders it."""
