# The documentation as a site: scripts/docs. The source folder is the repository, so that links work as they do on a Git host.
import os
import pathlib
from xml.etree import ElementTree

NAMESPACES = ("lockstep", "lockstep::models")
ROOT = pathlib.Path(__file__).resolve().parent.parent

project = "Lockstep"
author = "the Lockstep authors"
copyright = author
extensions = ["myst_parser", "breathe"]
root_doc = "docs/index"
include_patterns = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "examples/*/README.md", "bench/README.md"]
exclude_patterns = ["build*", ".deps*", ".git", ".cache", "lockstep-results*"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
breathe_projects = {"lockstep": os.environ.get("LOCKSTEP_DOXYGEN_XML", str(ROOT / "build/docs/doxygen/xml"))}
breathe_default_project = "lockstep"
breathe_show_include = False
primary_domain = "cpp"
highlight_language = "none"  # of blocks without a language: they are output
html_theme = "furo"
html_title = "Lockstep"
html_show_sphinx = False

def declarations(xml):
    """{header: [Breathe directives]} of what the public headers declare, in the order of their lines."""
    found = {}

    def add(location, directive):
        found.setdefault(location.get("file"), []).append((int(location.get("line")), directive))

    for path in pathlib.Path(xml).glob("*.xml"):
        compound = ElementTree.parse(path).getroot().find("compounddef")
        if compound is None:
            continue
        name = compound.findtext("compoundname")
        if compound.get("kind") in ("class", "struct"):
            if name.rpartition("::")[0] in NAMESPACES:  # nested ones are shown with what they are in
                add(compound.find("location"), f"```{{doxygen{compound.get('kind')}}} {name}\n:members:\n:undoc-members:\n```\n")
        elif compound.get("kind") == "namespace" and name in NAMESPACES:
            for member in compound.iter("memberdef"):
                kind, member_name = member.get("kind"), f"{name}::{member.findtext('name')}"
                if kind == "function":
                    member_name += "(" + ", ".join("".join(p.find("type").itertext()) for p in member.findall("param")) + ")"
                if kind in ("function", "enum", "typedef", "variable"):
                    add(member.find("location"), f"```{{doxygen{kind}}} {member_name}\n```\n")
    return {header: [directive for _, directive in sorted(listed)] for header, listed in found.items()}


def add_pages(app, docname, source):
    """Pages that the index does not name are listed after those that it does."""
    if docname != "docs/index":
        return
    named = source[0].split()
    more = [path.name for path in sorted((ROOT / "docs").glob("*.md")) if path.name not in named and path.name != "index.md"]
    if more:
        source[0] += "\n```{toctree}\n:caption: More\n" + "\n".join(more) + "\n```\n"


def add_headers(app, docname, source):
    """The C++ API: every public header, whichever there are, with what it declares."""
    if docname == "docs/api":
        for header, listed in sorted(declarations(breathe_projects["lockstep"]).items()):
            source[0] += f"\n## &lt;{header}&gt;\n\n" + "\n".join(listed)


def setup(app):
    app.connect("source-read", add_headers)
    app.connect("source-read", add_pages)
