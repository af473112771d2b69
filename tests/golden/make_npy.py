"""Writes the .npy fixtures with NumPy: tests/golden/npy/*.npy."""
import os

import numpy as np

folder = os.path.join(os.path.dirname(__file__), "npy")
os.makedirs(folder, exist_ok=True)
np.save(os.path.join(folder, "f32.npy"), np.arange(6, dtype="<f4").reshape(3, 2) / 4 - 1)
np.save(os.path.join(folder, "i64.npy"), np.array([3, -1, 2**40], dtype="<i8"))
