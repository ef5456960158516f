"""What facets of people return to the radar: visibility, physical optics, and the ways there and back."""
