"""The matrix: each edge with each network fault, and components that pause or find their disk full, judged one by one."""
