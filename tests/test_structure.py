"""What must not meet, does not."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_it_keeps_the_decoder_of_strangers_pictures_out_of_web_processes() -> None:
    script = "import project.asgi, sys; print('PIL' in sys.modules, 'imgs.sandbox' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
