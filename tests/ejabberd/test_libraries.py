"""The adapter's pure modules, by EUnit: in a virtual machine of Erlang, without a server."""

import subprocess
from pathlib import Path

import pytest

from components.site.ejabberd import beam_arguments, compile_erlang
from tests.support.ejabberd import LIBRARIES, compiled_beams

HERE = Path(__file__).resolve().parent
SPECS = sorted(HERE.glob("*_tests.erl"))


@pytest.fixture(scope="module")
def specs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder with the compiled tests."""
    folder = tmp_path_factory.mktemp("specs")
    compile_erlang(SPECS, folder, LIBRARIES)
    return folder


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_module(specs: Path, spec: Path) -> None:
    """Each `*_test` function of the module passes, and there are some."""
    run = f"halt(case eunit:test({spec.stem}, [verbose]) of ok -> 0; _ -> 1 end)"
    beams = [*beam_arguments(LIBRARIES), "-pa", str(compiled_beams()), "-pa", str(specs)]
    command = ["erl", "-noinput", *beams, "-eval", run]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "Test passed." in answer.stdout or "tests passed." in answer.stdout, answer.stdout


def test_the_adapter_calls_no_function_that_is_not_there() -> None:
    """The compiler does not look into other modules: what is not there would be found when it is called."""
    run = f'io:format("~w", [proplists:get_value(undefined, xref:d("{compiled_beams()}"))]), halt().'
    command = ["erl", "-noinput", *beam_arguments(LIBRARIES), "-eval", run]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    # What a later version has, and is asked for where it is there.
    assert answer.stdout.replace("{{site_survey,encode,1},{misc,json_encode,1}}", "") == "[]", answer.stdout
