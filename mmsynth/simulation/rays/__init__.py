"""What lies between two points: shadow rays by trees, or the picture that one point sees."""
