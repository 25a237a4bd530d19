"""The reference of the command lines: what `--help` of every tool prints."""

import os
import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / 'tools'
#: Only sourced by the other shell scripts.
NO_COMMAND = {'setup_env.sh'}


def help_of(tool: Path) -> str:
    """Return what `--help` of a Python file or of a shell script prints, 100 columns wide."""
    program = 'bash' if tool.suffix == '.sh' else sys.executable
    done = subprocess.run(
        [program, str(tool), '--help'],
        env={**os.environ, 'COLUMNS': '100'},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def command_lines() -> str:
    """Return the help of all tools as Markdown, one heading each, in alphabetical order."""
    tools = (path for path in sorted(TOOLS.iterdir()) if path.suffix in ('.py', '.sh'))
    return '\n\n'.join(
        f'### {tool.name}\n\n```text\n{help_of(tool)}\n```'
        for tool in tools
        if tool.name not in NO_COMMAND
    )
