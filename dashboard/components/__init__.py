"""Draw the components of the pages: each takes a view model and renders it."""
