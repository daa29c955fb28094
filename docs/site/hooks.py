"""What the site needs beyond its pages: README.md as the front page, and files that stand outside of docs/."""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"(\]\()([^)#\s]+)")
_OUTSIDE = re.compile(r"(\]\()((?:\.\./)*)((?:recipes|tests|keras_bert)/[^)#\s]+|LICENSE|pyproject\.toml)")


def on_files(files, config):
    """Adds the front page, and a copy of each linked file, as sources/..."""
    readme = (ROOT / "README.md").read_text(encoding="utf8")
    files.append(File.generated(config, "index.md", content=_LINK.sub(_from_docs, readme)))
    texts = [readme, *(file.content_string for file in files.documentation_pages() if file.src_uri != "index.md")]
    for name in sorted({match[3] for text in texts for match in _OUTSIDE.finditer(text)}):
        if (ROOT / name).is_file():
            files.append(File.generated(config, f"sources/{name}", abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown, page, **_):
    """Points links that lead out of docs/ to those copies."""
    up = posixpath.relpath(".", posixpath.dirname(page.file.src_uri) or ".")
    return _OUTSIDE.sub(lambda match: f"{match[1]}{up}/sources/{match[3]}", markdown)


def _from_docs(match):
    """A link of README.md -> the same, seen from docs/."""
    return f"{match[1]}{match[2].removeprefix('docs/')}"
