"""A local web page over an index of pairs; needs ``pip install st-relbert[search,app]``."""

from st_relbert.explorer.page import build_page
from st_relbert.explorer.server import listen, make_server
from st_relbert.explorer.views import Explorer, Question, View

__all__ = ["Explorer", "Question", "View", "build_page", "listen", "make_server"]
