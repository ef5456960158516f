"""Bounces off the flat surfaces of a room, chosen by what they are worth before a ray is shot."""
