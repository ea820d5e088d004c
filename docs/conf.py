"""Sphinx builds the guide from here: ``make docs``."""

import sys
from pathlib import Path

from merkhet import __version__

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Merkhet"
author = "The Merkhet developers"
copyright = author  # noqa: A001 (Sphinx's name)
release = version = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "catalog_reference",
    "class_signatures",
    "command_reference",
    "mathml",
    "schema_reference",
]
exclude_patterns = ["_build"]
default_role = "literal"  # docstrings set code in single backticks too
highlight_language = "none"  # a fence without a language is a drawing

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 5

autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
napoleon_google_docstring = False
napoleon_use_rtype = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"Merkhet {version}"
html_static_path = ["_static"]
html_css_files = ["merkhet.css"]
html_math_renderer = "mathml"  # MathJax would come from another server
html_copy_source = False
html_show_sphinx = False
