"""Bounces from person to person: tubes between rays, with physical optics at their last hit."""
