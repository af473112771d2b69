#!/usr/bin/env python3
"""Writes tests/golden/mat/: MAT-files, for each NAME.mat what SciPy reads from it as NAME.json
(numbers as hexadecimal floats), and the small lists of Flowers, Dogs and Cars that data sets'
tests use.

    python3 tests/golden/make_mat.py     (scipy, numpy; written with scipy 1.17.1)
"""
import json
import os
import struct
import zlib

import numpy as np
import scipy.io

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "mat")
CLASSES = {"double": 6, "single": 7, "int8": 8, "uint8": 9, "int16": 10, "uint16": 11, "int32": 12,
           "uint32": 13, "int64": 14, "uint64": 15}
STORED = {"i1": 1, "u1": 2, "i2": 3, "u2": 4, "i4": 5, "u4": 6, "f4": 7, "f8": 9, "i8": 12, "u8": 13}
UTF8, UTF16, UTF32 = 16, 17, 18


def tree(value):
    """What SciPy made of a variable, in the shape of data/mat/mat.h."""
    if scipy.sparse.issparse(value):
        return {"kind": "other"}
    dims = [0, 0] if value.shape == (1, 0) else list(value.shape)  # SciPy's word for an array never written
    flat = value.ravel(order="F")
    if value.dtype.names is not None:
        return {"kind": "structure", "dims": dims, "fields": list(value.dtype.names),
                "values": [tree(element[name]) for element in flat for name in value.dtype.names]}
    if value.dtype == object:
        return {"kind": "cells", "dims": dims, "values": [tree(element) for element in flat]}
    if value.dtype.kind == "U":  # chars_as_strings=False: a character each
        count = int(np.prod(dims[:-1])) if value.size else 0
        rows = value.reshape((count, dims[-1]), order="F") if count else []
        return {"kind": "text", "dims": dims, "rows": ["".join(c or " " for c in row) for row in rows]}
    if value.dtype.kind == "c":
        return {"kind": "other"}
    return {"kind": "numbers", "dims": dims, "values": [float(x).hex() for x in flat]}


def expect(name):
    path = os.path.join(OUT, name)
    found = scipy.io.loadmat(path + ".mat", chars_as_strings=False, uint16_codec="utf-16-le")
    with open(path + ".json", "w") as file:
        json.dump({key: tree(value) for key, value in found.items() if not key.startswith("__")}, file,
                  ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def everything():
    random = np.random.RandomState(5)
    d = {}
    for name in CLASSES:
        dtype = {"double": "float64", "single": "float32"}.get(name, name)
        if dtype.startswith("float"):
            d[name] = random.randn(2, 3).astype(dtype)
            d[name][0] = [np.inf, -0.0, np.nan]
        else:
            info = np.iinfo(dtype)
            d[name] = np.array([[info.min, info.max, 7]], dtype=dtype)
    d["logical"] = np.array([[True, False], [False, False]])
    d["four_dims"] = random.randint(0, 9, (2, 1, 3, 2)).astype("uint8")
    d["scalar"] = 42.5
    d["no_rows"], d["no_columns"] = np.zeros((0, 3)), np.zeros((3, 0), "uint16")
    d["word"], d["no_word"] = "Chihuahua", ""
    d["words"] = np.array(["two  ", "lines"])
    d["unicode"] = "M\u00fcller \u2603 \U0001f426"
    cell = np.empty((1, 4), object)
    inner = np.empty((2, 1), object)
    inner[0, 0], inner[1, 0] = "deep", np.array([[1.0, 2.0]])
    cell[0, :] = ["a", 3, inner, np.zeros((0, 0))]
    d["cell"], d["no_cell"] = cell, np.empty((0, 0), object)
    d["record"] = {"name": "Ram C/V Cargo Van", "class": np.uint8(174), "box": {"x": 1, "y": [2, 3]}}
    records = np.zeros((1, 3), dtype=[("fname", object), ("class", object)])
    for i in range(3):
        records[0, i] = ("%05d.jpg" % (i + 1), np.uint8(i + 1))
    d["records"] = records
    d["sparse"] = scipy.sparse.csc_matrix(np.eye(3))
    d["complex"] = np.array([[1 + 2j]])
    return d


def element(kind, data, small=True):
    if small and 0 < len(data) <= 4:
        return struct.pack("<HH", kind, len(data)) + data.ljust(4, b"\0")
    return struct.pack("<II", kind, len(data)) + data + b"\0" * (-len(data) % 8)


def array(matlab_class, dims, name, *data):
    body = element(6, struct.pack("<II", matlab_class, 0), False) + element(5, struct.pack("<%di" % len(dims), *dims))
    body += element(1, name.encode())
    return struct.pack("<II", 14, len(body + b"".join(data))) + body + b"".join(data)


def by_hand():
    """What MATLAB writes and SciPy does not: narrow storage, small elements, text of every type."""
    variables = []
    for stored, kind in STORED.items():
        values = np.array([1, 2, 100], stored)
        variables.append(array(CLASSES["double"], (1, 3), "as_" + stored, element(kind, values.tobytes())))
    variables.append(array(CLASSES["single"], (1, 1), "small", element(2, b"\x07")))
    variables.append(array(CLASSES["double"], (1, 2), "small2", element(4, struct.pack("<HH", 1, 8189))))
    for name, kind, data in (("latin", 2, b"bird"), ("utf8", UTF8, "Z\u00fcrich \u2603".encode()),
                             ("utf16", UTF16, "Z\u00fcrich \u2603".encode("utf-16-le")),
                             ("uint16", 4, "\u2603".encode("utf-16-le")),
                             ("utf32", UTF32, "\u2603\U0001f426".encode("utf-32-le"))):
        count = {2: 4, UTF8: 8, UTF16: 8, 4: 1, UTF32: 2}[kind]
        variables.append(array(4, (1, count), name, element(kind, data)))
    fields = element(5, struct.pack("<i", 8)) + element(1, b"class\0\0\0fname\0\0\0")
    members = [array(6, (1, 1), "", element(2, bytes([k]))) + array(4, (1, 5), "", element(UTF8, b"%d.jpg" % k))
               for k in (3, 4)]
    variables.append(array(2, (1, 2), "annotations", fields, *members))
    variables.append(array(1, (1, 2), "unset", element(14, b""), array(6, (0, 0), "", element(9, b""))))
    return variables


def write_by_hand(name, variables, compress):
    with open(os.path.join(OUT, name + ".mat"), "wb") as file:
        file.write(b"MATLAB 5.0 MAT-file, written by hand".ljust(124) + b"\0\1IM")
        for variable in variables:
            packed = zlib.compress(variable, 9)
            file.write(struct.pack("<II", 15, len(packed)) + packed if compress else variable)


def strings(values):
    cell = np.empty((len(values), 1), object)
    cell[:, 0] = values
    return cell


def save(name, variables, **options):
    scipy.io.savemat(os.path.join(OUT, name + ".mat"), variables, do_compression=True, **options)


def annotations(fields, rows):
    out = np.zeros((1, len(rows)), dtype=[(field, object) for field in fields])
    for i, row in enumerate(rows):
        out[0, i] = row
    return out


def data_sets():
    # Flowers: 12 images, 3 classes; one image a class in train and val, the rest in test.
    save("flowers_imagelabels", {"labels": np.array([3, 1, 2, 2, 1, 3, 3, 3, 2, 1, 1, 2], "uint8").reshape(1, 12)})
    save("flowers_setid", {"trnid": np.array([[5, 3, 1]], "uint16"), "valid": np.array([[2, 4, 6]], "uint16"),
                           "tstid": np.array([[7, 8, 9, 10, 11, 12]], "uint16")})
    # Dogs: the two folders are in another order than the labels.
    chihuahua, spaniel = "n02085620-Chihuahua", "n02086646-Blenheim_spaniel"
    train = [f"{chihuahua}/n02085620_1.jpg", f"{spaniel}/n02086646_4.jpg", f"{chihuahua}/n02085620_2.jpg"]
    test = [f"{spaniel}/n02086646_9.jpg"]
    for name, files, labels in (("train", train, [1, 2, 1]), ("test", test, [2])):
        save(f"dogs_{name}_list", {"file_list": strings(files), "annotation_list": strings([f[:-4] for f in files]),
                                   "labels": np.array(labels, float).reshape(-1, 1)})
    save("dogs_conflict_list", {"file_list": strings([train[0], train[1]]), "labels": np.array([[1.0], [1.0]])})
    # Cars, both ways.
    names = np.empty((1, 2), object)
    names[0, :] = ["Acura RL Sedan 2012", "Ram C/V Cargo Van Minivan 2012"]
    save("cars_meta", {"class_names": names})
    box = (np.uint8(1), np.uint16(300), np.uint8(2), np.uint16(400))
    boxes = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
    byte = np.uint8
    save("cars_train_annos", {"annotations": annotations(boxes + ("class", "fname"), [
        box + (byte(2), "00001.jpg"), box + (byte(1), "00002.jpg"), box + (byte(2), "00003.jpg")])})
    save("cars_test_annos", {"annotations": annotations(boxes + ("fname",), [box + ("00001.jpg",)])})
    save("cars_test_annos_withlabels", {"annotations": annotations(boxes + ("class", "fname"),
                                                                   [box + (byte(1), "00001.jpg")])})
    save("cars_annos", {"class_names": names, "annotations": annotations(
        ("relative_im_path",) + boxes + ("class", "test"),
        [("car_ims/000001.jpg",) + box + (byte(1), byte(0)), ("car_ims/000002.jpg",) + box + (byte(2), byte(1)),
         ("car_ims/000003.jpg",) + box + (byte(2), byte(0))])})


if __name__ == "__main__":
    os.makedirs(OUT, exist_ok=True)
    for name, compress in (("scipy_plain", False), ("scipy_zlib", True)):
        scipy.io.savemat(os.path.join(OUT, name + ".mat"), everything(), do_compression=compress, oned_as="row")
    write_by_hand("hand_plain", by_hand(), False)
    write_by_hand("hand_zlib", by_hand(), True)
    for name in ("scipy_plain", "scipy_zlib", "hand_plain", "hand_zlib"):
        expect(name)
    scipy.io.savemat(os.path.join(OUT, "version4.mat"), {"x": 1.0}, format="4")
    data_sets()
