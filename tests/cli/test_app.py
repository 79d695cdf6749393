import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

from st_relbert import RelBERT
from st_relbert.cli import main
from st_relbert.search import RelationIndex

pytest.importorskip("gradio", reason="needs pip install st-relbert[app]")

# Prints a line when anything opens a connection.
WATCHED = """
import sys
sys.addaudithook(lambda event, _: sys.stderr.write("connected") if event == "socket.connect" else None)
from st_relbert.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def idx(encoders, tmp_path_factory):
    folder = tmp_path_factory.mktemp("app")
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(folder / "model"), create_model_card=False)
    index = RelationIndex.create(folder / "idx", RelBERT(str(folder / "model")))
    index.add([{"head": h, "tail": t, "relation": "capital"} for h, t in [("Tokyo", "Japan"), ("Paris", "France")]])
    return str(folder / "idx")


@pytest.fixture
def port():
    """A port that is taken."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_the_page_is_served_until_ctrl_c(idx, tmp_path):
    """On this machine only, without a connection to any other, and without a file left behind."""
    command = [sys.executable, "-c", WATCHED, "app", idx, "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "HF_HUB_OFFLINE"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, cwd=tmp_path, env=environment) as process:
        try:
            line = process.stdout.readline()
            found = re.fullmatch(re.escape(idx) + r" is at http://127\.0\.0\.1:(\d+) \(Ctrl-C to stop\)\n", line)
            assert found, (line, process.stderr.read())
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://127.0.0.1:{found[1]}", timeout=20) as response:
                assert "pairs: 2, words: 4, relations: 1" in response.read().decode()
            with pytest.raises(OSError):
                socket.create_connection(("127.0.0.2", int(found[1])), timeout=5)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=20)
        finally:
            process.kill()
    assert (process.returncode, out) == (0, "") and "connected" not in err and "Traceback" not in err
    assert "Loading weights" not in err  # a progress bar that nobody asked for
    assert not any(tmp_path.iterdir())


def test_errors_are_one_line_and_exit_status_2(idx, encoders, port, capsys):
    for arguments, message in [
        (["no-such"], "'no-such' is not an index"),
        ([idx, "--model", encoders["bytelevel"]], "with different weights"),
        ([idx, "--port", str(port)], f"Port {port} of 127.0.0.1 is already in use."),
        ([idx, "--port", "70000"], "Cannot listen on '127.0.0.1', port 70000"),
        ([idx, "--host", "192.0.2.1"], "Cannot listen on '192.0.2.1', port 7860"),
    ]:
        assert main(["app", *arguments]) == 2
        (line,) = [line for line in capsys.readouterr().err.strip().split("\n") if line.startswith("st-relbert ")]
        assert message in line


def test_without_gradio_the_command_says_what_to_install(idx, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert main(["app", idx]) == 2
    assert "pip install 'st-relbert[app]'" in capsys.readouterr().err
