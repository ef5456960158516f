"""Rooms from TOML, materials over frequency, what moves."""

import math

import numpy as np
import pytest
import torch
import trimesh

from mmsynth.scene import Door, Fan, load_room, material, mounted, movers, person_materials, read_room
from mmsynth.scene.materials import skin_permittivity

ROOM = {
    "room": {"size": [5.0, 6.0, 2.7], "center": [0.0, 2.5]},
    "furniture": [{"name": "table", "size": [1.2, 0.8, 0.75], "position": [1.5, 3.0, 0.0], "yaw_deg": 30}],
    "radar": {"position": [0.0, -0.4, 2.0], "tilt_deg": -20},
}


def outward(mesh):
    corners = mesh.vertices[0][mesh.faces]
    return torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])


def test_skin_as_measured_by_gabriel():
    # The design's figures, and the power reflection at normal incidence that belongs to them.
    for frequency, want, power in ((60e9, 7.98 - 10.9j, 0.38), (77e9, 6.56 - 8.91j, 0.34)):
        eps = skin_permittivity(frequency)
        assert eps == pytest.approx(want, rel=2e-3)
        root = eps**0.5
        assert abs((1 - root) / (1 + root)) ** 2 == pytest.approx(power, abs=0.005)


def test_building_materials_follow_p2040():
    # Concrete at 60 GHz: eps' = 5.24, sigma = 0.0462 * 60^0.7822 = 1.137 S/m, eps'' = 17.98 sigma / f_GHz.
    concrete = material("concrete", 60e9).permittivity
    assert concrete.real == pytest.approx(5.24)
    assert -concrete.imag == pytest.approx(17.98 * 0.0462 * 60**0.7822 / 60, rel=1e-3)
    assert material("metal").permittivity is None
    assert abs(material("glass", 77e9).permittivity - material("glass", 60e9).permittivity) > 1e-3


def test_a_person_is_bare_where_the_regions_say_so():
    found = person_materials(("skin:hand", "cloth:torso", "hair:head", "shoe:left"), 60e9, "denim")
    assert found["skin:hand"].layer_loss == 1 and found["cloth:torso"].layer_loss == pytest.approx(10**-0.15)
    assert found["cloth:torso"].permittivity == found["skin:hand"].permittivity == skin_permittivity(60e9)
    with pytest.raises(ValueError, match="'steel:arm'"):
        person_materials(("steel:arm",))
    with pytest.raises(ValueError, match="clothing"):
        person_materials((), clothing="velvet")


def test_walls_face_inwards_and_furniture_outwards():
    mesh, mirrors, regions, materials = load_room(ROOM)
    centre = mesh.vertices[0][mesh.faces].mean(1)
    normal = outward(mesh)
    names = [mesh.region_names[i] for i in mesh.region]
    inside = torch.tensor([0.0, 2.5, 1.35], dtype=torch.float64)
    table = torch.tensor([1.5, 3.0, 0.375], dtype=torch.float64)
    for name, point, way in zip(names, centre, normal, strict=True):
        out = (way * (point - table)).sum() if name.endswith("table") else (way * (inside - point)).sum()
        assert out > 0
    assert len(mirrors) == len(regions) == 12 and set(regions) == set(materials)
    # The area of all mirrors is that of both boxes.
    area = 0.5 * torch.linalg.cross(mirrors[:, 2] - mirrors[:, 0], mirrors[:, 3] - mirrors[:, 1]).norm(dim=1)
    boxes = [2 * (a * b + b * c + a * c) for a, b, c in ((5, 6, 2.7), (1.2, 0.8, 0.75))]
    assert float(area.sum()) == pytest.approx(sum(boxes))


def test_open_sides_are_left_out():
    box = {"size": [4, 4, 3], "ceiling": "", "walls": ""}
    mesh, mirrors, regions, _ = load_room({"room": box})
    assert len(mesh.faces) == 2 and regions == ("concrete:floor",) and bool((mirrors[:, :, 2] == 0).all())


def test_radar_mounts():
    pose = mounted(ROOM)
    boresight = pose[:3, 1]
    assert float(boresight[2]) == pytest.approx(math.sin(math.radians(-20)))
    assert pose[:3, 3].tolist() == [0.0, -0.4, 2.0]
    ceiling = mounted({"radar": {"position": [0, 2, 2.6], "tilt_deg": -90}})
    assert torch.allclose(ceiling[:3, 1], torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize(("suffix", "up"), [("obj", ""), ("ply", ""), ("glb", "z"), ("glb", ""), ("obj", "y")])
def test_mesh_files(tmp_path, suffix, up):
    standing = up == "z" or (suffix != "glb" and not up)  # glTF has y upwards
    trimesh.creation.box(extents=(1, 2, 3) if standing else (1, 3, 2)).export(tmp_path / f"box.{suffix}")
    text = f'[[mesh]]\nfile = "box.{suffix}"\nposition = [0, 4, 1.5]\nyaw_deg = 90\nmaterial = "metal"\nup = "{up}"\n'
    (tmp_path / "room.toml").write_text(text)
    mesh, mirrors, _, materials = load_room(tmp_path / "room.toml")
    low, high = mesh.vertices[0].amin(0), mesh.vertices[0].amax(0)
    assert torch.allclose(high - low, torch.tensor([2.0, 1.0, 3.0], dtype=torch.float64), atol=1e-6)
    assert torch.allclose((low + high) / 2, torch.tensor([0.0, 4.0, 1.5], dtype=torch.float64), atol=1e-6)
    assert mirrors.shape == (0, 4, 3) and materials["metal:mesh"].permittivity is None


def test_a_glb_of_several_nodes_stands_as_gltf_says(tmp_path):
    # Blender's exporter: z up becomes y up, and what looked along the world's -y looks along z.
    scene = trimesh.Scene()
    for place, size in (((1.0, 0.5, 0.0), 1.0), ((0.0, 0.1, 2.0), 0.2)):
        node = np.diag([size, size, size, 1.0])
        node[:3, 3] = place
        scene.add_geometry(trimesh.creation.box(extents=(1, 1, 1)), transform=node)
    scene.export(tmp_path / "two.glb")
    mesh, *_ = load_room({"mesh": [{"file": str(tmp_path / "two.glb"), "position": [0, 5, 0]}]})
    aside = mesh.vertices[0][:, 0] > 0.3
    for node, low, high in ((aside, [0.5, 4.5, 0.0], [1.5, 5.5, 1.0]), (~aside, [-0.1, 2.9, 0.0], [0.1, 3.1, 0.2])):
        bounds = torch.tensor([low, high], dtype=torch.float64)
        corners = mesh.vertices[0][node]
        assert torch.allclose(torch.stack([corners.amin(0), corners.amax(0)]), bounds, atol=1e-6)


def test_a_file_that_shows_the_radar_its_back_alone_is_refused(tmp_path):
    wall = trimesh.Trimesh([[-1, 3, 0], [1, 3, 0], [1, 3, 2], [-1, 3, 2]], [[0, 1, 2], [0, 2, 3]], process=False)
    wall.export(tmp_path / "wall.obj")
    front = {"mesh": [{"file": str(tmp_path / "wall.obj")}]}
    assert len(load_room(front)[0].faces) == 2
    with pytest.raises(ValueError, match=r"wall\.obj: expected faces that look towards the radar.*its back"):
        load_room(front | {"radar": {"position": [0.0, 5.0, 1.0]}})


def test_a_fan_or_a_door_needs_no_room_around_it():
    mesh, mirrors, regions, materials = load_room({"fan": [{"position": [0, 2, 1]}], "door": [{"position": [1, 2, 0]}]})
    assert mesh is None and mirrors.shape == (0, 4, 3) and regions == ()
    assert set(materials) == {"metal:fan", "wood:door"}


def test_what_is_wrong_is_said(tmp_path):
    (tmp_path / "nan.obj").write_text("v 0 2 0\nv 1 2 0\nv nan 2 1\nv 0 2 1\nf 1 2 4\nf 2 3 4\n")
    with pytest.raises(ValueError, match=r"nan\.obj: expected .* got 2 triangles and 1 vertices that are NaN"):
        load_room({"mesh": [{"file": str(tmp_path / "nan.obj")}]})
    with pytest.raises(ValueError, match=r"unknown key 'room\.sise'.*'size'"):
        read_room({"room": {"sise": [1, 1, 1]}})
    with pytest.raises(ValueError, match="nearest: 'concrete'"):
        read_room({"room": {"size": [1, 1, 1], "floor": "concret"}})
    with pytest.raises(ValueError, match="positive"):
        read_room({"furniture": [{"size": [1, 0, 1], "position": [0, 0, 0]}]})
    with pytest.raises(ValueError, match="no such file"):
        load_room({"mesh": [{"file": str(tmp_path / "nothing.obj")}]})
    (tmp_path / "bad.obj").write_bytes(b"\x00\x01 not a mesh")
    with pytest.raises(ValueError, match=r"bad\.obj"):
        load_room({"mesh": [{"file": str(tmp_path / "bad.obj")}]})
    with pytest.raises(ValueError, match="empty room"):
        load_room({})
    box = {"size": [4.0, 5.0, math.inf]}
    with pytest.raises(ValueError, match=r"room\.size\.2: expected a finite number"):
        read_room({"room": box})
    with pytest.raises(ValueError, match=r"room: 'lamp': material: .*got 'brass'"):
        read_room({"fan": [{"position": [0, 4, 2], "name": "lamp", "material": "brass"}]})
    shelf = {"name": "shelf", "size": [1.0, 0.4, 0.2], "position": [0.0, 4.4, 1.5]}
    box = {"size": [4.0, 5.0, 2.6], "center": [0.0, 2.0]}
    for place, side in (([0.0, 4.6, 1.5], "walls"), ([0.0, 4.0, 2.7], "ceiling"), ([0.0, 4.0, -0.1], "floor")):
        read_room({"furniture": [shelf, shelf | {"position": place}]})
        with pytest.raises(ValueError, match=f"furniture 'shelf': expected a place in the room, .* beyond its {side}"):
            read_room({"room": box, "furniture": [shelf, shelf | {"position": place}]})


@pytest.mark.parametrize(
    ("kind", "wrong", "message"),
    [
        ("fan", {"blades": 0}, "fan 'fan': expected blades of a width, longer than 0.04 m, got 0 of 0.3 m by 0.08 m"),
        ("fan", {"length": 0.04}, "longer than 0.04 m"),
        ("fan", {"width": 0.0}, "by 0 m"),
        ("fan", {"blades": 101}, "expected at most 100 blades, got 101"),
        ("fan", {"axis": [0, 0, 0]}, "axis: expected a direction"),
        ("fan", {"rate": math.inf}, r"fan\.0\.rate: expected a finite number"),
        ("door", {"width": 0.0}, "width: expected more than zero, got 0"),
        ("door", {"period": 0.0}, "period: expected more than zero, got 0"),
    ],
)
def test_what_moves_has_a_size_and_a_rate(kind, wrong, message):
    with pytest.raises(ValueError, match=message):
        read_room({kind: [{"position": [0, 4, 1], **wrong}]})


def test_a_mesh_in_millimetres_is_told(tmp_path):
    trimesh.creation.box(extents=(500, 500, 900)).export(tmp_path / "chair.ply")
    chair = {"file": str(tmp_path / "chair.ply"), "position": [0, 3, 0]}
    for room in ({}, {"room": {"size": [4, 5, 2.5]}}):
        with pytest.raises(ValueError, match=r"chair\.ply: expected a mesh of at most .* got one 900 m across; `scale"):
            load_room(room | {"mesh": [chair]})
        load_room(room | {"mesh": [chair | {"scale": 0.001}]})
    with pytest.raises(ValueError, match=r"at most 6\.87 m, got one 9 m across"):  # the diagonal of the room
        load_room({"room": {"size": [4, 5, 2.5]}, "mesh": [chair | {"scale": 0.01}]})
    with pytest.raises(ValueError, match="scale: expected a positive number, got -1"):
        read_room({"mesh": [chair | {"scale": -1.0}]})


def test_a_fan_turns_rigidly_at_its_rate():
    times = torch.linspace(0, 1, 9, dtype=torch.float64)
    (fan,) = movers([Fan((1.0, 4.0, 2.0), axis=(0.2, 1.0, 0.1), rate=2.0, blades=4)], times)
    assert torch.allclose(fan.vertices[0], fan.vertices[4], atol=1e-12)
    assert torch.allclose(fan.vertices[0], fan.vertices[-1], atol=1e-12)
    assert float((fan.vertices[0] - fan.vertices[1]).norm(dim=-1).max()) > 0.3
    distance = torch.cdist(fan.vertices[0], fan.vertices[0])
    assert torch.allclose(distance, torch.cdist(fan.vertices[1], fan.vertices[1]), atol=1e-6)
    axis = np.array([0.2, 1.0, 0.1]) / np.linalg.norm([0.2, 1.0, 0.1])
    along = (fan.vertices - torch.tensor([1.0, 4.0, 2.0])) @ torch.tensor(axis)
    assert torch.allclose(along[0], along[3], atol=1e-12)
    # An eighth of a second at two turns is a quarter of one, right-handed about the axis.
    first, later = (fan.vertices[k].numpy() - [1.0, 4.0, 2.0] for k in (0, 1))
    quarter = np.cross(axis, first) + (first @ axis)[:, None] * axis
    assert np.allclose(later, quarter, atol=1e-12)


def test_a_blade_is_pitched_about_its_own_length():
    (fan,) = movers([Fan((0.0, 0.0, 0.0), blades=1, pitch=0.3)], torch.zeros(1))
    ahead, _, up = fan.vertices[0].T  # this blade points along -y and goes towards +x
    # Its middle surface: what lies ahead is up.
    assert float((ahead * up).sum() / ahead.square().sum()) == pytest.approx(math.tan(0.3), rel=0.01)


def test_a_door_swings_between_its_ends():
    times = torch.linspace(0, 4, 17, dtype=torch.float64)
    (door,) = movers([Door((0.0, 3.0, 0.0), swing=1.0, period=4.0)], times)
    edge = door.vertices[:, door.vertices[0, :, 0] > 0.89].mean(1)
    angle = torch.atan2(edge[:, 1] - 3, edge[:, 0])
    assert float(angle.max()) == pytest.approx(1.0, abs=1e-6) and float(angle.min()) == pytest.approx(0.0, abs=1e-6)
    assert door.region_names == ("wood:door",)


def test_what_moves_has_a_material_too():
    table = ROOM | {"fan": [{"position": [1, 4, 2]}], "door": [{"position": [2, 1, 0], "material": "glass"}]}
    materials = load_room(table)[3]
    assert materials["metal:fan"].permittivity is None and "glass:door" in materials
    times = torch.linspace(0, 1, 3, dtype=torch.float64)
    names = {
        name for mover in movers(read_room(table).fan + read_room(table).door, times) for name in mover.region_names
    }
    assert names <= set(materials)


def saved(path, *bodies, turn=()):
    """A file of bodies, those of the indices `turn` with their faces inside out, their corners once a face."""
    parts = [trimesh.Trimesh(b.vertices, b.faces[:, ::-1] if k in turn else b.faces) for k, b in enumerate(bodies)]
    whole = trimesh.util.concatenate(parts)
    whole.unmerge_vertices()
    whole.export(path)
    return {"mesh": [{"file": str(path), "position": [0.0, 3.0, 0.0]}], "radar": {"position": [0.0, 0.0, 1.0]}}


def sides(mesh):
    """Which way [faces] each face looks: its normal along the way from the middle of its body, of two, or of one."""
    corners = mesh.vertices[0][mesh.faces]
    bodies = corners.split(12)
    return torch.cat(
        [(outward(mesh)[12 * k :][: len(b)] * (b - b.mean((0, 1))).mean(1)).sum(1) for k, b in enumerate(bodies)]
    )


def test_closed_bodies_of_a_file_show_their_fronts_to_the_radar(tmp_path):
    chair, table = (trimesh.creation.box(extents=(0.5, 0.6, 0.7)) for _ in range(2))
    table.apply_translation([2.0, 0.0, 0.0])
    for turn in ((), (0,), (0, 1)):
        mesh, *_ = load_room(saved(tmp_path / "two.ply", chair, table, turn=turn))
        assert len(mesh.faces) == 24 and bool((sides(mesh) > 0).all()), turn
    # A scanned room around the radar is seen from within.
    room = trimesh.creation.box(extents=(4.0, 8.0, 3.0))
    for turn in ((), (0,)):
        mesh, *_ = load_room(saved(tmp_path / "scan.ply", room, turn=turn))
        assert bool((sides(mesh) < 0).all()), turn


def test_open_surfaces_of_a_file_stay_as_they_are_and_bodies_that_look_both_ways_are_refused(tmp_path):
    box = trimesh.creation.box(extents=(0.5, 0.6, 0.7))
    for turn in ((), (0,)):
        lid = trimesh.Trimesh(box.vertices, box.faces[:-1])
        mesh, *_ = load_room(saved(tmp_path / "open.ply", lid, turn=turn))
        assert bool(((sides(mesh) < 0) == bool(turn)).all())
    faces = box.faces.copy()
    faces[3] = faces[3][::-1]
    with pytest.raises(ValueError, match=r"mixed\.ply: expected all faces of a closed body to look outwards"):
        load_room(saved(tmp_path / "mixed.ply", trimesh.Trimesh(box.vertices, faces, process=False)))
