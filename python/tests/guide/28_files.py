"""Digests of files by threads."""
from concurrent.futures import ThreadPoolExecutor
import glob
import hashlib
import os
import tempfile


def digest(path):
    with open(path, "rb") as file:
        return path, hashlib.sha256(file.read()).hexdigest(), os.path.getsize(path)


with tempfile.TemporaryDirectory() as folder:
    for i in range(50):
        with open(os.path.join(folder, f"{i}.py"), "w") as file:
            file.write("x" * i)
    files = glob.glob(os.path.join(folder, "**", "*.py"), recursive=True)
    with ThreadPoolExecutor(max_workers=8) as executor:
        futures = {executor.submit(digest, f): f for f in files}
        results = {path: (value, size) for path, value, size in (f.result() for f in futures)}
    assert len(results) == 50
    for path, (value, size) in results.items():
        assert value == hashlib.sha256(b"x" * size).hexdigest()
