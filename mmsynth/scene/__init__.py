"""Scenes: materials, rooms, furniture, and what moves in them beside people."""

from mmsynth.scene.materials import CLOTHING as CLOTHING
from mmsynth.scene.materials import material as material
from mmsynth.scene.materials import person_materials as person_materials
from mmsynth.scene.movers import Door as Door
from mmsynth.scene.movers import Fan as Fan
from mmsynth.scene.movers import movers as movers
from mmsynth.scene.rooms import LoadedRoom as LoadedRoom
from mmsynth.scene.rooms import Room as Room
from mmsynth.scene.rooms import around as around
from mmsynth.scene.rooms import load_room as load_room
from mmsynth.scene.rooms import mounted as mounted
from mmsynth.scene.rooms import read_room as read_room
