"""Says what one GIR file has that another lacks or has otherwise: compare_gir.py THEIRS OURS.

Names, types, directions and owners of everything that a program can use. Exit status 1 when there is a difference that
breaks programs.
"""

import sys
import xml.etree.ElementTree as ET

NS = "{http://www.gtk.org/introspection/core/1.0}"
GLIB = "{http://www.gtk.org/introspection/glib/1.0}"
# Upstream has given this one a name since.
RENAMED = {("Application2", "field", "app2_spare1")}
KINDS = {NS + k for k in ("method", "constructor", "function", "property", "field", "member")} | {GLIB + "signal"}


def spelt(node):
    """The type of a value."""
    for child in node:
        if child.tag in (NS + "type", NS + "array"):
            inner = ", ".join(spelt_type(child))
            return inner
    return ""


def spelt_type(t):
    name = {"utf8": "text", "filename": "text", "gint": "gint32"}.get(t.get("name", ""), t.get("name", ""))
    yield name + "".join(f"<{', '.join(spelt_type(c))}>" for c in t if c.tag in (NS + "type", NS + "array"))
    yield f"length {t.get('length')}" if t.get("length") else ""


def said(node):
    """All that counts of a method, property, …"""
    out = [node.get("value", ""), spelt(node)]
    ret = node.find(NS + "return-value")
    if ret is not None:
        out.append(f"returns {spelt(ret)} {ret.get('transfer-ownership')}")
    for p in node.findall(f"{NS}parameters/{NS}parameter"):
        out.append(f"{spelt(p)} {p.get('direction', 'in')} {'nullable' if p.get('nullable') else ''}")
    return tuple(out)


def members(path):
    out = {}
    for owner in ET.parse(path).getroot().find(NS + "namespace"):
        for node in owner:
            if node.tag in KINDS:
                out[owner.get("name"), node.tag.split("}")[1], node.get("name")] = said(node)
    return out


theirs, ours = members(sys.argv[1]), members(sys.argv[2])
different = 0
for key, what in sorted(theirs.items()):
    if ours.get(key) != what and key not in RENAMED:
        different += 1
        print(*key, "\n ", what, "\n ", ours.get(key))
print(f"{len(theirs)} of theirs, {len(ours)} of ours, {different} different")
sys.exit(different > 0)
