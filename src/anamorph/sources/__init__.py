"""From the bytes of a picture file to pixels, no more of them than are needed."""
