"""What lies between two points.

* bvh: trees over a mesh in several poses, built once and refitted.
* packets: rays that walk a tree side by side.
* picture: what people hide from one point, without a tree.
"""
