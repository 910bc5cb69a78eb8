"""A program that uses the binding's types; only checked (mypy --strict), never run."""

from pathlib import Path, PurePosixPath
from typing import Dict, List, Optional

import guestfs


def on_event(event: int, handle: int, text: Optional[str], numbers: List[int]) -> None:
    print(event, handle, text, sum(numbers))


def use(path: str) -> bool:
    with guestfs.GuestFS(python_return_dict=True) as g:
        g.add_drive_opts(path, format="raw", readonly=True)
        handle: int = g.set_event_callback(on_event, guestfs.EVENT_ALL & ~guestfs.EVENT_TRACE)
        g.add_drive(Path(path))
        g.add_drive_ro(path.encode())
        g.launch()
        g.upload(Path("/etc/hosts"), PurePosixPath("/hosts"))
        volumes = g.lvs_full()
        size: int = volumes[0]["lv_size"]
        percent: Optional[float] = volumes[0]["snap_percent"]
        content: bytes = g.read_file("/etc/passwd")
        g.write("/copy", content)
        g.write("/text", "text")
        value: bytes = g.getxattrs("/")[0]["attrval"]
        names: List[str] = g.ls("/")
        systems = g.list_filesystems()
        if isinstance(systems, dict):
            types: Dict[str, str] = systems
            print(types)
        print(size, percent, value, names, g.version()["major"], g.get_append() or "none")
        g.delete_event_callback(handle)
        return g.is_file("/etc/passwd", followsymlinks=True)
