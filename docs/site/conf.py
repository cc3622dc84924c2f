# Settings of Sphinx for scripts/docs, which copies this file into build/docs/source.
import os
import re

_root = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
with open(os.path.join(_root, "include", "woad", "version.h"), encoding="utf-8") as _f:
    release = version = ".".join(re.findall(r"define WOAD_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", _f.read()))

project = "Woad"
copyright = "the authors of Woad; MIT"
language = "en"
extensions = ["myst_parser"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "misc.highlighting_failure"]  # a page may begin its headings at ##; "..." in C
exclude_patterns = []
highlight_language = "none"  # of indented blocks: commands, with comments
html_theme = "furo"
html_title = "Woad " + release
html_static_path = ["_static"]
html_css_files = ["woad.css"]
html_show_sphinx = False
html_copy_source = False
html_last_updated_fmt = None
pygments_style = "tango"
pygments_dark_style = "github-dark"
html_theme_options = {
    "sidebar_hide_name": False,
    "light_css_variables": {"color-brand-primary": "#1f4e79", "color-brand-content": "#1f5f9e"},
    "dark_css_variables": {"color-brand-primary": "#7db4e6", "color-brand-content": "#7db4e6"},
}
