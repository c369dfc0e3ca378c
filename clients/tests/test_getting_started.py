"""docs/getting-started.md works as it is written: its commands are run word for word."""

import os
import pathlib
import re
import subprocess
import sys

PAGE = (pathlib.Path(__file__).parents[2] / "docs/getting-started.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_commands_of_the_page_do_what_it_says(server, tmp_path):
    start, *rest = blocks("sh")
    assert start == "cargo xtask dev\n"
    (tmp_path / ".strongroom").symlink_to(server.data_dir)
    # Nothing of this process's own is known to them: the page says where all of it comes from.
    environment = {"PATH": f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    script = "\n".join(f"echo '== {number}'\n{block}" for number, block in enumerate(rest))
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    said = done.stdout.split("== ")
    assert [part[0] for part in said[1:]] == [str(number) for number in range(len(rest))]
    use, _, _, look, delete, again = said[1:]
    assert use.endswith("meet me at the mill\n"), done
    assert (tmp_path / "wrapped").stat().st_size == 512, done
    assert look.count("Secret Key Object") - delete.count("Secret Key Object") == 1, done
    assert again.endswith("meet me at the mill\n"), done
    errors = [line for line in done.stderr.splitlines() if "error" in line.lower()]
    assert len(errors) == 1 and re.search(r"KMSInvalidStateException.* is pending import\.$", errors[0]), done.stderr


def test_the_program_of_the_page_runs(server):
    (program,) = blocks("python")
    found = {}
    exec(program.replace("http://127.0.0.1:8080", server.endpoint), found)
    assert len(found["data_key"]["Plaintext"]) == 32
    assert found["data_key"]["KeyId"] == found["key"]
