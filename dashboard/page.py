"""What a page runs each time it is drawn."""

from dashboard import frame

frame.run()
