"""Build the pages: ``python -m sphinx -W .docs build/docs`` in the root folder."""

import rgdl

project = "rgdl"
author = "The rgdl developers"
version = release = rgdl.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",  # formulas show without a network
    "numpydoc",
    "myst_parser",
]
html_theme = "furo"
html_title = f"rgdl {release}"
html_show_copyright = False

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3

# links to what is not a page, README above all; tests/test_docs.py follows them
suppress_warnings = ["myst.xref_missing"]

# `name` links where there is such a name; one that begins with "rgdl." has to exist
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [("py:.*", r"(?!rgdl\.).*")]

autosummary_generate = False  # every name stands on the page of its topic
autodoc_typehints = "none"  # the docstrings say the types, with shapes
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {
    "members": True,
    "inherited-members": "BaseEstimator, TransformerMixin, "
    "ClassNamePrefixFeaturesOutMixin, ABC, Mapping, Exception, Warning",
    "exclude-members": "get_metadata_routing, set_output, set_fit_request, "
    "set_partial_fit_request, set_transform_request",  # scikit-learn's own
}
numpydoc_show_class_members = False
