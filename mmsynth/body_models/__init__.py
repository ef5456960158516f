"""Body models: a Motion in, the moving surface of a person out.

    body = load_body()                 # the free body that comes with mmsynth
    mesh = body(ground(motion, body))  # MeshSequence in the world

Region names of every body are `material:part`, with left and right kept apart: skin:face, skin:neck, skin:left_hand,
hair:head, cloth:torso, cloth:hips, cloth:left_upper_arm, cloth:left_forearm, cloth:left_thigh, cloth:left_shin,
shoe:left_foot (and right). What stands before the colon is the material's name.
"""

from mmsynth.body_models.anthropometry import shape_for as shape_for
from mmsynth.body_models.base import BodyModel as BodyModel
from mmsynth.body_models.base import forward_kinematics as forward_kinematics
from mmsynth.body_models.base import ground as ground
from mmsynth.body_models.base import joint_rotations as joint_rotations
from mmsynth.body_models.base import own_shape as own_shape
from mmsynth.body_models.base import settle as settle
from mmsynth.body_models.base import stature as stature
from mmsynth.body_models.cards import BodyStatus as BodyStatus
from mmsynth.body_models.cards import list_bodies as list_bodies
from mmsynth.body_models.cards import load_cards as load_cards
from mmsynth.body_models.fit import FitSettings as FitSettings
from mmsynth.body_models.fit import fit_error as fit_error
from mmsynth.body_models.fit import fit_skeleton as fit_skeleton
from mmsynth.body_models.fit import person_shape as person_shape
from mmsynth.body_models.free import FreeBody as FreeBody
from mmsynth.body_models.load import licensed_folder as licensed_folder
from mmsynth.body_models.load import load_body as load_body
