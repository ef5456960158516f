"""Bounces off the flat surfaces of a room: image method, physical optics on the person.

* chains: sequences of mirrors that ways to people may go over.
* illumination: the field of every leg at every facet, a kernel.
* worth: what a facet may bring over two legs, a kernel.
* bounces: the paths over mirrors that are worth a ray.
"""
