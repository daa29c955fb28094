"""What docs/guide/whole-runs.md says, run: its blocks print what stands below them."""

import re
from pathlib import Path

PAGE = (Path(__file__).parents[2] / "docs" / "guide" / "whole-runs.md").read_text(encoding="utf8")


def test_the_python_blocks_print_what_the_page_says(capsys):
    names = {}
    blocks = re.findall(r"```python\n(.*?)\n```\n\n```text\n(.*?)\n```", PAGE, re.S)
    assert len(blocks) == PAGE.count("```python") == 2
    for code, printed in blocks:
        exec(compile(code, "docs/guide/whole-runs.md", "exec"), names)
        assert capsys.readouterr().out.strip() == printed
